#pragma once

#include <vector>

#include "check/check.hpp"
#include "check/findings.hpp"
#include "check/places.hpp"

namespace bookstore::check {

/// The parts, where topics that are mirrors of one partition are one: the longest, of which each
/// other must be the beginning. Throws Damaged, std::runtime_error.
std::vector<Part> with_joined_mirrors(
    const Options& options, const std::vector<Part>& parts, Findings& findings
);

}  // namespace bookstore::check
