#include "check/places.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <stdexcept>
#include <utility>

namespace bookstore::check {
namespace {

bool is_there(const Options& options, const std::string& path) {
    return !options.vfs.empty() || std::filesystem::exists(path);
}

Place place_in(const std::string& directory, std::string_view name) {
    return {
        .name = std::string(name),
        .directory = directory,
        .path = fmt::format("{}/{}.db", directory, name)
    };
}

/// Of the directories, those that have that file.
std::vector<Place> places_of(const Options& options, std::string_view name) {
    std::vector<Place> places;
    for (const std::string& directory : options.data_dirs) {
        Place place = place_in(directory, name);
        if (is_there(options, place.path)) {
            places.push_back(std::move(place));
        }
    }
    return places;
}

/// The part whose topic has the events of what is in that directory.
Part& part_for(std::vector<Part>& parts, const Place& place) {
    const auto beside = std::ranges::find_if(parts, [&](const Part& part) {
        return part.topic.directory == place.directory;
    });
    if (beside != parts.end()) {
        return *beside;
    }
    if (parts.size() > 1) {
        throw std::runtime_error(fmt::format(
            "{} has no topic.db, but both {} and {} have one: it is not known which has the events "
            "of {}.db",
            place.directory,
            parts[0].topic.directory,
            parts[1].topic.directory,
            place.name
        ));
    }
    return parts[0];
}

}  // namespace

std::string listed(const std::vector<std::string>& words) {
    if (words.size() < 2) {
        return words.empty() ? "" : words[0];
    }
    return fmt::format("{} and {}", fmt::join(words.begin(), words.end() - 1, ", "), words.back());
}

std::vector<Part> parts_of(const Options& options) {
    std::vector<Part> parts;
    for (Place& topic : places_of(options, topic_name)) {
        parts.push_back({.topic = std::move(topic)});
    }
    if (parts.empty()) {
        throw std::runtime_error(fmt::format(
            "{} {}: {} no topic.db",
            listed(options.data_dirs),
            options.data_dirs.size() == 1 ? "is no data directory" : "are no data directories",
            options.data_dirs.size() == 1 ? "it has" : "none has"
        ));
    }
    for (const ContextFile& context : options.contexts) {
        if (is_apart(options, context.name)) {
            Place place = place_in(options.van_data_dir, van);
            if (!is_there(options, place.path)) {
                throw std::runtime_error(options.van_data_dir + " has no van.db");
            }
            place.apart = true;
            parts[0].contexts.push_back(std::move(place));
            continue;
        }
        auto places = places_of(options, context.name);
        if (places.size() > 1) {
            throw std::runtime_error(fmt::format(
                "both {} and {} have {}.db: a context lives in one of them, and it is not known "
                "in which",
                places[0].directory,
                places[1].directory,
                context.name
            ));
        }
        if (!places.empty()) {
            part_for(parts, places[0]).contexts.push_back(std::move(places[0]));
        }
    }
    return parts;
}

}  // namespace bookstore::check
