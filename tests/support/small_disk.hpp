#pragma once

#include <sys/mount.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

namespace bookstore::test {

/// A small disk of its own; nothing where this process may not mount one.
class SmallDisk {
  public:
    /// `size` as mount takes it: "12m".
    SmallDisk(const std::string& path, const std::string& size) : path_(path) {
        std::filesystem::create_directories(path);
        mounted_ = mount("none", path.c_str(), "tmpfs", 0, ("size=" + size).c_str()) == 0;
    }
    ~SmallDisk() {
        if (mounted_) {
            umount2(path_.c_str(), MNT_DETACH);
        }
    }
    SmallDisk(const SmallDisk&) = delete;
    SmallDisk& operator=(const SmallDisk&) = delete;
    bool mounted() const { return mounted_; }

    /// Until nothing more fits; then gives back so much of it.
    void fill(std::uintmax_t left_bytes = 0) const {
        const std::string ballast = path_ + "/ballast";
        {
            std::ofstream file(ballast, std::ios::binary | std::ios::app);
            const std::string block(4096, 'x');
            while (file.write(block.data(), 4096).flush()) {
            }
        }
        const std::uintmax_t size = std::filesystem::file_size(ballast);
        std::filesystem::resize_file(ballast, size - std::min(size, left_bytes));
    }
    void make_room() const { std::filesystem::remove(path_ + "/ballast"); }

  private:
    std::string path_;
    bool mounted_ = false;
};

}  // namespace bookstore::test
