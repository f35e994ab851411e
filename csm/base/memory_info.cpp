#include "csm/base/memory_info.h"

#include <sys/resource.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>
#include <string>

namespace csm {
namespace {

constexpr std::uint64_t kKibi = 1024;

std::string read_text(const char* path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::optional<std::uint64_t> number_at(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return std::nullopt;
  text.remove_prefix(begin);
  std::uint64_t value = 0;
  const auto read =
      std::from_chars(text.data(), text.data() + text.size(), value);
  if (read.ec != std::errc()) return std::nullopt;
  return value;
}

// What is left of the limit of control group version 2, if there is one.
std::optional<std::uint64_t> group_room() {
  const auto limit = number_at(read_text("/sys/fs/cgroup/memory.max"));
  const auto used = number_at(read_text("/sys/fs/cgroup/memory.current"));
  if (!limit || !used) return std::nullopt;
  // File pages count as used but give way.
  const std::string stat = read_text("/sys/fs/cgroup/memory.stat");
  const std::string_view key = "inactive_file ";
  const std::size_t at = stat.find(key);
  const std::uint64_t files =
      at == std::string::npos
          ? 0
          : number_at(std::string_view(stat).substr(at + key.size()))
                .value_or(0);
  const std::uint64_t held = *used - std::min(*used, files);
  return *limit - std::min(*limit, held);
}

}  // namespace

std::optional<std::uint64_t> proc_bytes(std::string_view text,
                                        std::string_view key) {
  std::size_t begin = 0;
  while (begin < text.size()) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    std::string_view line = text.substr(begin, end - begin);
    begin = end + 1;
    if (!line.starts_with(key)) continue;
    line.remove_prefix(key.size());
    if (!line.starts_with(':') || !line.ends_with(" kB")) continue;
    const auto value = number_at(line.substr(1));
    if (value) return *value * kKibi;
  }
  return std::nullopt;
}

std::optional<std::uint64_t> available_memory() {
  const auto system = proc_bytes(read_text("/proc/meminfo"), "MemAvailable");
  const auto group = group_room();
  if (!system || !group) return system ? system : group;
  return std::min(*system, *group);
}

std::uint64_t peak_memory() {
  // ru_maxrss would count a larger parent before exec.
  const auto peak = proc_bytes(read_text("/proc/self/status"), "VmHWM");
  if (peak) return *peak;
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
#ifdef __APPLE__
  constexpr std::uint64_t kUnit = 1;
#else
  constexpr std::uint64_t kUnit = kKibi;
#endif
  return static_cast<std::uint64_t>(usage.ru_maxrss) * kUnit;
}

}  // namespace csm
