#pragma once

#include "kernel/context.hpp"

namespace bookstore::coupon {

/// Coupons: whoever got a delivery gets one.
kernel::Context context();

}  // namespace bookstore::coupon
