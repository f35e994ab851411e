#include "csm/weights/gguf_metadata.h"

#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include "csm/base/error.h"
#include "csm/base/printable.h"
#include "csm/base/str_cat.h"

namespace csm::weights {
namespace {

constexpr std::uint64_t kMaxPairs = 1U << 16U;
constexpr std::uint64_t kMaxKey = (1U << 16U) - 1;
constexpr int kMaxDepth = 4;

// Numbers of the types in a file.
constexpr std::uint32_t kFloat32 = 6;
constexpr std::uint32_t kString = 8;
constexpr std::uint32_t kArray = 9;
constexpr std::uint32_t kFloat64 = 12;

struct TypeRow {
  const char* name;
  std::uint64_t least_bytes;
  std::uint64_t bytes;  // 0: not the same for all values
  bool is_integer = false;
  bool is_signed = false;
};
constexpr std::array<TypeRow, 13> kTypes = {{
    {"uint8", 1, 1, true},
    {"int8", 1, 1, true, true},
    {"uint16", 2, 2, true},
    {"int16", 2, 2, true, true},
    {"uint32", 4, 4, true},
    {"int32", 4, 4, true, true},
    {"float32", 4, 4},
    {"bool", 1, 1},
    {"string", 8, 0},  // its length
    {"array", 12, 0},  // type and length
    {"uint64", 8, 8, true},
    {"int64", 8, 8, true, true},
    {"float64", 8, 8},
}};

[[noreturn]] void fail(const std::string& what, const std::string& where) {
  throw Error(ErrorCode::kCorrupt,
              str_cat("[weights.gguf] ", what, " (", where, ")"));
}

std::uint64_t little_endian(std::span<const std::byte> bytes) {
  std::uint64_t out = 0;
  for (std::size_t i = bytes.size(); i-- > 0;) {
    out = (out << 8U) | std::to_integer<std::uint64_t>(bytes[i]);
  }
  return out;
}

void require_known(std::uint32_t type, std::string_view what,
                   const GgufCursor& cursor) {
  if (type < kTypes.size()) return;
  fail(str_cat("expected a type below ", kTypes.size(), " of ", what, ", got ",
               type),
       cursor.origin());
}

// The value of an integer of any width; nothing above 2^63 - 1.
std::optional<std::int64_t> to_integer(std::uint32_t type,
                                       std::span<const std::byte> bytes) {
  const std::uint64_t raw = little_endian(bytes);
  constexpr std::uint64_t kMax = std::numeric_limits<std::int64_t>::max();
  if (!kTypes[type].is_signed) {
    if (raw > kMax) return std::nullopt;
    return static_cast<std::int64_t>(raw);
  }
  const auto shift = static_cast<unsigned>(64 - 8 * bytes.size());
  return static_cast<std::int64_t>(raw << shift) >> shift;
}

}  // namespace

std::span<const std::byte> GgufCursor::take(std::uint64_t n,
                                            std::string_view what) {
  if (n > remaining()) {
    fail(str_cat("expected ", n, " bytes of ", what, " at byte ", position_,
                 ", got ", remaining()),
         origin_);
  }
  const auto out = bytes_.subspan(static_cast<std::size_t>(position_),
                                  static_cast<std::size_t>(n));
  position_ += n;
  return out;
}

std::uint32_t GgufCursor::u32(std::string_view what) {
  return static_cast<std::uint32_t>(
      little_endian(take(sizeof(std::uint32_t), what)));
}

std::uint64_t GgufCursor::u64(std::string_view what) {
  return little_endian(take(sizeof(std::uint64_t), what));
}

std::string_view GgufCursor::text(std::optional<std::uint64_t> max_bytes,
                                  std::string_view what) {
  const std::uint64_t size = u64(what);
  if (max_bytes && (size == 0 || size > *max_bytes)) {
    fail(str_cat("expected 1 to ", *max_bytes, " bytes of ", what, " at byte ",
                 position_, ", got ", size),
         origin_);
  }
  const auto bytes = take(size, what);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

GgufMetadata::GgufMetadata(GgufCursor& cursor, std::uint64_t count)
    : origin_(cursor.origin()) {
  if (count > kMaxPairs) {
    fail(str_cat("expected at most ", kMaxPairs, " keys, got ", count),
         origin_);
  }
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::string_view key = cursor.text(kMaxKey, "a key");
    const std::string what = str_cat("key ", printable(key));
    const std::uint32_t type = cursor.u32(what);
    const Value value = read_value(cursor, type, what, 0);
    if (!values_.emplace(std::string(key), value).second) {
      fail(str_cat("expected ", what, " once, got it twice"), origin_);
    }
  }
}

GgufMetadata::Value GgufMetadata::read_value(GgufCursor& cursor,
                                             std::uint32_t type,
                                             std::string_view what, int depth) {
  Value out;
  out.type = type;
  require_known(type, what, cursor);
  if (type == kArray) {
    read_array(cursor, out, what, depth);
  } else if (type == kString) {
    const std::string_view text = cursor.text(std::nullopt, what);
    out.bytes = std::as_bytes(std::span(text));
  } else {
    out.bytes = cursor.take(kTypes[type].bytes, what);
  }
  return out;
}

void GgufMetadata::read_array(GgufCursor& cursor, Value& out,
                              std::string_view what, int depth) {
  if (depth >= kMaxDepth) {
    fail(str_cat("expected arrays nested at most ", kMaxDepth, " deep in ",
                 what),
         cursor.origin());
  }
  out.element = cursor.u32(what);
  require_known(out.element, what, cursor);
  out.count = cursor.u64(what);
  const std::uint64_t most =
      cursor.remaining() / kTypes[out.element].least_bytes;
  if (out.count > most) {
    fail(str_cat("expected at most ", most, " elements of ", what,
                 " in the rest of the file, got ", out.count),
         cursor.origin());
  }
  if (kTypes[out.element].bytes > 0) {
    out.bytes = cursor.take(out.count * kTypes[out.element].bytes, what);
    return;
  }
  const std::uint64_t begin = cursor.position();
  for (std::uint64_t i = 0; i < out.count; ++i) {
    (void)read_value(cursor, out.element, what, depth + 1);
  }
  out.bytes = cursor.since(begin);
}

const GgufMetadata::Value* GgufMetadata::find(std::string_view key) const {
  const auto it = values_.find(key);
  return it == values_.end() ? nullptr : &it->second;
}

void GgufMetadata::refuse(std::string_view key, std::string_view expected,
                          const Value& value) const {
  fail(str_cat(
           "expected ", expected, ", got one of type ", kTypes[value.type].name,
           value.type == kArray ? str_cat(" of ", kTypes[value.element].name)
                                : ""),
       str_cat(origin_, ": key '", key, "'"));
}

std::optional<std::int64_t> GgufMetadata::integer(std::string_view key) const {
  const Value* value = find(key);
  if (value == nullptr) return std::nullopt;
  const auto out = kTypes[value->type].is_integer
                       ? to_integer(value->type, value->bytes)
                       : std::nullopt;
  if (!out) refuse(key, "an integer below 2^63", *value);
  return out;
}

std::optional<double> GgufMetadata::number(std::string_view key) const {
  const Value* value = find(key);
  if (value == nullptr) return std::nullopt;
  double out = std::numeric_limits<double>::quiet_NaN();
  if (value->type == kFloat32) {
    out = static_cast<double>(std::bit_cast<float>(
        static_cast<std::uint32_t>(little_endian(value->bytes))));
  } else if (value->type == kFloat64) {
    out = std::bit_cast<double>(little_endian(value->bytes));
  } else if (const auto integral = kTypes[value->type].is_integer
                                       ? to_integer(value->type, value->bytes)
                                       : std::nullopt) {
    out = static_cast<double>(*integral);
  }
  if (!std::isfinite(out)) refuse(key, "a finite number", *value);
  return out;
}

std::optional<std::string> GgufMetadata::string(std::string_view key) const {
  const Value* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (value->type != kString) refuse(key, "a string", *value);
  return std::string(reinterpret_cast<const char*>(value->bytes.data()),
                     value->bytes.size());
}

std::optional<std::vector<std::string_view>> GgufMetadata::strings(
    std::string_view key) const {
  const Value* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (value->type != kArray || value->element != kString) {
    refuse(key, "an array of strings", *value);
  }
  GgufCursor cursor(value->bytes, origin_);
  std::vector<std::string_view> out;
  out.reserve(static_cast<std::size_t>(value->count));
  for (std::uint64_t i = 0; i < value->count; ++i) {
    out.push_back(cursor.text(std::nullopt, key));
  }
  return out;
}

}  // namespace csm::weights
