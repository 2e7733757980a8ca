#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "bus/topic.hpp"
#include "kernel/hosted_module.hpp"

namespace bookstore::host {

struct ShopDirectory {
    std::string data_dir;
    std::string partition{};  ///< the topic that its log is a mirror of; empty: it is none
};

/// The identity of a shop whose log is a topic at a broker: that topic's.
std::string shop_of_topic(std::string_view topic);

/// All files of one system carry one identity, its shop's. The first start makes it, and a file
/// that has none yet (a new one, or of an older version) gets it here. Throws storage::Refused when
/// a file is of another shop than the topic, or than the first that has an identity;
/// storage::Error. Before threads run.
void require_one_shop(
    const ShopDirectory& directory,
    bus::Topic& topic,
    const std::vector<std::unique_ptr<kernel::HostedModule>>& modules,
    Random& random
);

}  // namespace bookstore::host
