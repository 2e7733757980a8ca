#pragma once

#include <string>

#include "host/system.hpp"
#include "http/message.hpp"
#include "kernel/fields.hpp"

// What operators do with held events. The request lives until it is answered; the writes run on the
// context's own thread.

namespace bookstore::operations {

/// Why an event is given up: the body of a skip.
struct Reason {
    std::string reason;
};
const kernel::Fields<Reason>& reason_fields();

/// POST /parked/{id}/retry: it is tried now, once more if it was parked.
void retry_parked(host::System& system, const http::Request& request, const http::Done& done);
/// POST /parked/{id}/skip: it is never handled. Once more: the first record of it.
void skip_parked(host::System& system, const http::Request& request, const http::Done& done);
/// POST /modules/{name}/parked/retry: all that the context has parked.
void retry_all_parked(host::System& system, const http::Request& request, const http::Done& done);
/// POST /modules/{name}/parked/skip: as many as one transaction may take.
void skip_all_parked(host::System& system, const http::Request& request, const http::Done& done);

}  // namespace bookstore::operations
