#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <boost/json/value.hpp>

#include "api_description.hpp"
#include "support/context_names.hpp"

// A process that hosts some contexts alone.

using namespace bookstore::test;

namespace {

/// Every choice of one and of two contexts.
std::vector<std::string> small_subsets() {
    std::vector<std::string> subsets;
    for (std::size_t i = 0; i < context_names.size(); ++i) {
        subsets.push_back(context_names[i]);
        for (std::size_t j = i + 1; j < context_names.size(); ++j) {
            subsets.push_back(context_names[i] + "," + context_names[j]);
        }
    }
    return subsets;
}

/// A parameter that takes one of the hosted contexts is given one.
Call question(const ApiDescription& api, const DescribedOperation& operation) {
    Call call = api.example_of(operation);
    for (const DescribedParameter& parameter : operation.parameters) {
        const auto* words = parameter.schema.as_object().if_contains("enum");
        if (parameter.in == "path" && words != nullptr) {
            call.set(parameter, text_of(words->as_array().at(0)));
        }
    }
    return call;
}

/// What is wrong with the answer to a GET, of an item that is there or not; empty when nothing is.
std::string fault_of(const ApiDescription& api, const DescribedOperation& operation, Story& story) {
    const auto answer = question(api, operation).send(story);
    if (answer.status >= 500) {
        return fmt::format("{}: {} {}", operation.id, answer.status, answer.body);
    }
    const bool missing_item = operation.declares(404) && answer.status == 404;
    if (answer.status != operation.success() && !missing_item) {
        return fmt::format("{}: {} {}", operation.id, answer.status, answer.body);
    }
    const auto faults = api.faults(operation, answer);
    return faults.empty() ? "" : fmt::format("{}: {}", operation.id, fmt::join(faults, ", "));
}

/// Creates what there is to be created, by the examples; whoever would check it may not be here.
std::vector<std::string> faults_of_creating(const ApiDescription& api, Story& story) {
    std::vector<std::string> faults;
    for (const DescribedOperation& operation : api.operations()) {
        if (operation.id == "takeBackup" || operation.method != Method::post ||
            operation.success() != 201) {
            continue;
        }
        const auto answer = api.example_of(operation).send(story);
        if (answer.status >= 500 || !api.faults(operation, answer).empty()) {
            faults.push_back(fmt::format("{}: {} {}", operation.id, answer.status, answer.body));
        }
    }
    return faults;
}

/// Asks every GET but the one that makes the process ill.
std::vector<std::string> faults_of(const std::string& subset, int& asked) {
    Story story({"--modules", subset, "--kafka", "none"});
    const ApiDescription api(story);
    std::vector<std::string> faults = faults_of_creating(api, story);
    for (const DescribedOperation& operation : api.operations()) {
        if (operation.method != Method::get || operation.id == "makeZombie") {
            continue;
        }
        if (const auto fault = fault_of(api, operation, story); !fault.empty()) {
            faults.push_back(fault);
        }
        ++asked;
    }
    const std::string log = story.process().log();
    if (log.find(" error ") != std::string::npos) {
        faults.push_back("its log has an error: " + log);
    }
    return faults;
}

}  // namespace

TEST_CASE("modules apart: one or two contexts alone answer every GET as described") {
    int asked = 0;
    const auto subsets = small_subsets();
    REQUIRE(subsets.size() == 28);
    for (const std::string& subset : subsets) {
        CAPTURE(subset);
        CHECK(fmt::format("{}", fmt::join(faults_of(subset, asked), "\n")) == "");
    }
    CHECK(asked > 28 * 15);
}
