#include "host/shop.hpp"

#include <fmt/format.h>

#include <exception>
#include <functional>
#include <optional>

#include "storage/error.hpp"

namespace bookstore::host {
namespace {

const storage::Sql select_topic_shop{"topic", "SELECT id FROM shop WHERE number = 1"};
const storage::Sql select_shop{"*", "SELECT id FROM shop WHERE number = 1"};
const storage::Sql insert_topic_shop{"topic", "INSERT INTO shop(number, id) VALUES (1, ?1)"};
const storage::Sql insert_shop{"*", "INSERT INTO shop(number, id) VALUES (1, ?1)"};

/// A file of the directory, and the shop that it is of.
struct File {
    std::string name;
    std::optional<std::string> shop;
    std::function<void(storage::Job)> commit;
};

std::optional<std::string> shop_in(const storage::Reader& reader, const storage::Sql& select) {
    auto row = reader->prepare(select);
    return row.step() ? std::optional(row.string(0)) : std::nullopt;
}

void give(const File& file, const storage::Sql& insert, const std::string& shop) {
    file.commit({
        .durable = true,
        .run =
            [&](storage::Connection& db) {
                db.prepare(insert).bind(shop).run();
                return true;
            },
        .done = {},
    });
}

void require_of_topic(const ShopDirectory& directory, const File* known) {
    if (known != nullptr && *known->shop != shop_of_topic(directory.partition)) {
        throw storage::Refused(fmt::format(
            "{0}/{1}.db is of another shop ({2}) than the Kafka topic {3}: a shop is carried to a "
            "topic with all its files (bookstore topic republish)",
            directory.data_dir,
            known->name,
            *known->shop,
            directory.partition
        ));
    }
}

}  // namespace

std::string shop_of_topic(std::string_view topic) {
    return fmt::format("kafka:{}", topic);
}

void require_one_shop(
    const ShopDirectory& directory,
    bus::Topic& topic,
    const std::vector<std::unique_ptr<kernel::HostedModule>>& modules,
    Random& random
) {
    std::vector<File> files;
    files.push_back({
        .name = "topic",
        .shop = shop_in(topic.reader(), select_topic_shop),
        .commit = [&topic](storage::Job job) { topic.commit_now(std::move(job)); },
    });
    for (const auto& module : modules) {
        files.push_back({
            .name = module->name(),
            .shop = shop_in(module->read(), select_shop),
            .commit = [&module](storage::Job job
                      ) { module->database().writer().commit_now(std::move(job)); },
        });
    }
    const File* known = nullptr;
    for (const File& file : files) {
        if (file.shop && known == nullptr) {
            known = &file;
        } else if (file.shop && *file.shop != *known->shop) {
            throw storage::Refused(fmt::format(
                "{0}/{1}.db is another shop's file ({2}) than {3}.db ({4}): put this shop's own "
                "{1}.db back, or restore the whole directory from one backup (docs/operations.md, "
                "Restore)",
                directory.data_dir,
                file.name,
                *file.shop,
                known->name,
                *known->shop
            ));
        }
    }
    if (!directory.partition.empty()) {
        require_of_topic(directory, known);
    }
    const std::string shop = known != nullptr              ? *known->shop
                             : directory.partition.empty() ? random.uuid()
                                                           : shop_of_topic(directory.partition);
    for (const File& file : files) {
        if (!file.shop) {
            give(file, file.name == "topic" ? insert_topic_shop : insert_shop, shop);
        }
    }
}

}  // namespace bookstore::host
