#include <cstddef>
#include <cstdint>

#include "fuzz/fuzz.hpp"

// FUZZ_TARGET is one of the functions of fuzz.hpp.
#ifndef FUZZ_TARGET
#define FUZZ_TARGET request  // for scripts/tidy, which reads this file outside of its preset
#endif

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    bookstore::fuzz::FUZZ_TARGET({reinterpret_cast<const char*>(data), size});
    return 0;
}
