#include "kernel/paging.hpp"

#include <fmt/format.h>

namespace bookstore::kernel {
namespace {

std::int64_t one_number(storage::Connection& db, const storage::Sql& sql) {
    auto statement = db.prepare(sql);
    return statement.step() ? statement.integer(0) : 0;
}

}  // namespace

TablePages::TablePages(
    std::string_view file, const std::string& select, std::string_view id, std::string_view table
)
    : ascending_(file, fmt::format("{} WHERE {} > ?1 ORDER BY {} LIMIT ?2", select, id, id)),
      descending_(file, fmt::format("{} WHERE {} <= ?1 ORDER BY {} DESC LIMIT ?2", select, id, id)),
      newest_(file, fmt::format("SELECT max(id) FROM {}", table)) {}

http::Response TablePages::seek(
    const http::Request& request,
    const Resource& resource,
    storage::Connection& db,
    const Page& page,
    const AddRow& add
) const {
    const storage::Snapshot snapshot(db);
    const std::int64_t total = one_number(db, newest_);
    CollectionWriter writer(request, resource);
    if (page.offset() < total) {
        auto rows = db.prepare(page.descending ? descending_ : ascending_);
        rows.bind(page.descending ? total - page.offset() : page.offset(), page.size);
        while (rows.step()) {
            add(writer, rows);
        }
    }
    return std::move(writer).finish(page, total);
}

http::Answer TablePages::answer(
    const http::Request& request,
    const Resource& resource,
    storage::Connection& db,
    const AddRow& add
) const {
    auto page = read_page(request, resource);
    if (!page) {
        return std::move(page.error());
    }
    return seek(request, resource, db, *page, add);
}

DeletablePages::DeletablePages(
    std::string_view file, const std::string& select, std::string_view id, std::string_view table
)
    : whole_(file, select, id, table),
      ascending_(
          file, fmt::format("{} WHERE NOT deleted ORDER BY {} LIMIT ?1 OFFSET ?2", select, id)
      ),
      descending_(
          file, fmt::format("{} WHERE NOT deleted ORDER BY {} DESC LIMIT ?1 OFFSET ?2", select, id)
      ),
      deleted_(file, fmt::format("SELECT count FROM {}_deleted", table)) {}

http::Answer DeletablePages::answer(
    const http::Request& request,
    const Resource& resource,
    storage::Connection& db,
    const AddRow& add
) const {
    auto page = read_page(request, resource);
    if (!page) {
        return std::move(page.error());
    }
    const std::int64_t deleted = one_number(db, deleted_);
    if (deleted == 0) {
        return whole_.seek(request, resource, db, *page, add);
    }
    const storage::Snapshot snapshot(db);
    const std::int64_t total = one_number(db, whole_.newest_) - one_number(db, deleted_);
    CollectionWriter writer(request, resource);
    auto rows = db.prepare(page->descending ? descending_ : ascending_);
    rows.bind(page->size, page->offset());
    while (page->offset() < total && rows.step()) {
        add(writer, rows);
    }
    return std::move(writer).finish(*page, total);
}

FinderPages::FinderPages(
    std::string_view file,
    const std::string& select,
    std::string_view column,
    std::string_view id,
    std::string_view table
)
    : ascending_(
          file, fmt::format("{} WHERE {} = ?1 ORDER BY {} LIMIT ?2 OFFSET ?3", select, column, id)
      ),
      descending_(
          file,
          fmt::format("{} WHERE {} = ?1 ORDER BY {} DESC LIMIT ?2 OFFSET ?3", select, column, id)
      ),
      count_(
          file,
          fmt::format(
              "SELECT count(*) FROM {} WHERE {} = ?1",
              table,
              column.substr(column.find('.') + 1)  // npos + 1 is 0
          )
      ) {}

http::Answer FinderPages::answer(
    const http::Request& request,
    const Resource& resource,
    storage::Connection& db,
    std::int64_t value,
    const AddRow& add
) const {
    auto page = read_page(request, resource);
    if (!page) {
        return std::move(page.error());
    }
    const storage::Snapshot snapshot(db);
    auto count = db.prepare(count_);
    count.bind(value).step();
    const std::int64_t total = count.integer(0);
    CollectionWriter writer(request, resource);
    auto rows = db.prepare(page->descending ? descending_ : ascending_);
    rows.bind(value, page->size, page->offset());
    while (page->offset() < total && rows.step()) {
        add(writer, rows);
    }
    return std::move(writer).finish(*page, total);
}

void add_search(Module& module, const Resource& resource, std::vector<Finder> finders) {
    const std::string path = fmt::format("/{}/search", resource.collection);
    module.query(
        http::Method::get,
        path,
        [path, finders = std::move(finders)](const http::Request& request, storage::Connection&) {
            http::Response response;
            response.content_type = hal_type(request);
            std::string& out = response.body;
            out += R"({"_links":{)";
            for (const Finder& finder : finders) {
                out += fmt::format(R"("{}":{{"href":)", finder.name);
                json::append(
                    out,
                    fmt::format("{}{}/{}{}", request.origin(), path, finder.name, finder.parameters)
                );
                out += R"(,"templated":true},)";
            }
            out += R"("self":{"href":)";
            json::append(out, request.origin() + path);
            out += "}}}";
            return http::Answer(std::move(response));
        }
    );
}

}  // namespace bookstore::kernel
