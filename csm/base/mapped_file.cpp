#include "csm/base/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <utility>

#include "csm/base/descriptor.h"
#include "csm/base/error.h"
#include "csm/base/round_up.h"
#include "csm/base/str_cat.h"

namespace csm {
namespace {

[[noreturn]] void fail(ErrorCode code, const std::filesystem::path& path,
                       const char* what) {
  throw Error(code,
              str_cat("[base.mapped_file] ", what, " (", path.string(), ")"));
}

}  // namespace

MappedFile::MappedFile(const std::filesystem::path& path) : path_(path) {
  const Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (fd.get() < 0) fail(ErrorCode::kNotFound, path, std::strerror(errno));
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) {
    fail(ErrorCode::kNotFound, path, std::strerror(errno));
  }
  if (!S_ISREG(info.st_mode)) {
    fail(ErrorCode::kInvalidArgument, path, "expected a regular file");
  }
  if (info.st_size == 0) {
    fail(ErrorCode::kCorrupt, path, "expected some bytes, got an empty file");
  }
  const auto size = static_cast<std::size_t>(info.st_size);
  void* data = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd.get(), 0);
  if (data == MAP_FAILED) {
    fail(ErrorCode::kExhausted, path, std::strerror(errno));
  }
  bytes_ = {static_cast<const std::byte*>(data), size};
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) {
    ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
  }
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : path_(std::move(other.path_)), bytes_(std::exchange(other.bytes_, {})) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

void MappedFile::release(std::span<const std::byte> range) const {
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto address = reinterpret_cast<std::uintptr_t>(range.data());
  const std::uintptr_t begin = round_up(address, page);
  const std::uintptr_t end = (address + range.size()) / page * page;
  if (begin >= end) return;
  // Advice only: a failure costs memory, nothing else.
  (void)::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

}  // namespace csm
