#include "tests/stress/memory_level.h"

#include <chrono>
#include <cstddef>
#include <fstream>
#include <iterator>
#include <thread>

#include "csm/base/memory_info.h"
#include "csm/base/str_cat.h"
#include "mlx/memory.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CSM_SANITIZED 1
// GCC does not install the header that declares it.
extern "C" std::size_t __sanitizer_get_current_allocated_bytes();
#else
#include <malloc.h>
#define CSM_SANITIZED 0
#endif

namespace csm::stress {
namespace {

std::int64_t heap_bytes() {
#if CSM_SANITIZED
  return static_cast<std::int64_t>(__sanitizer_get_current_allocated_bytes());
#else
  const struct mallinfo2 info = ::mallinfo2();
  return static_cast<std::int64_t>(info.uordblks + info.hblkhd);
#endif
}

std::int64_t resident_bytes() {
  std::ifstream in("/proc/self/status");
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  return static_cast<std::int64_t>(proc_bytes(text, "VmRSS").value_or(0));
}

}  // namespace

MemoryLevel memory_level() {
  // MLX's threads let go of the last arrays.
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  // It keeps freed buffers for the next ones, up to a limit.
  mlx::core::clear_cache();
  return {.heap = heap_bytes(), .resident = resident_bytes()};
}

std::string growth(const MemoryLevel& warm, const MemoryLevel& end) {
  // Threads keep small blocks; pages that were freed need not go back, and a
  // sanitizer holds what was freed for a while.
  constexpr std::int64_t kHeapSlack = 256 << 10;
  constexpr std::int64_t kResidentSlack = 64 << 20;
  if (end.heap > warm.heap + kHeapSlack) {
    return str_cat("the heap holds ", end.heap - warm.heap, " bytes more");
  }
  if (CSM_SANITIZED == 0 && end.resident > warm.resident + kResidentSlack) {
    return str_cat("the process holds ", end.resident - warm.resident,
                   " bytes more");
  }
  return {};
}

}  // namespace csm::stress
