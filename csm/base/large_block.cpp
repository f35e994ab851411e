#include "csm/base/large_block.h"

#include <sys/mman.h>

#include <cstdint>

#include "csm/base/error.h"
#include "csm/base/round_up.h"
#include "csm/base/str_cat.h"

namespace csm {

LargeBlock::LargeBlock(std::size_t n_bytes)
    : size_(round_up(n_bytes, kHugePage)) {
  // Room to move the beginning to a multiple of the page.
  const std::size_t reserved = size_ + kHugePage;
  void* const memory = ::mmap(nullptr, reserved, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    throw Error(ErrorCode::kExhausted,
                str_cat("[base.large_block] expected ", n_bytes,
                        " bytes of memory, got none (memory)"));
  }
  auto* const begin = static_cast<std::byte*>(memory);
  const std::size_t skipped =
      round_up(reinterpret_cast<std::uintptr_t>(begin), kHugePage) -
      reinterpret_cast<std::uintptr_t>(begin);
  data_ = begin + skipped;
  if (skipped > 0) ::munmap(begin, skipped);
  if (skipped < kHugePage) ::munmap(data_ + size_, kHugePage - skipped);
#ifdef MADV_HUGEPAGE
  // A last page that is less than half full would waste memory. Advice only:
  // without it reading is slower, nothing else.
  const std::size_t rounded = (n_bytes + kHugePage / 2) / kHugePage * kHugePage;
  if (rounded > 0) (void)::madvise(data_, rounded, MADV_HUGEPAGE);
#endif
}

LargeBlock::~LargeBlock() { ::munmap(data_, size_); }

}  // namespace csm
