#include "csm/weights/gguf_file.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <limits>
#include <set>
#include <string>
#include <utility>

#include "csm/base/error.h"
#include "csm/base/printable.h"
#include "csm/base/round_up.h"
#include "csm/base/str_cat.h"
#include "csm/weights/gguf_config.h"
#include "csm/weights/gguf_packing.h"
#include "csm/weights/gguf_tokenizer.h"
#include "csm/weights/gguf_types.h"

namespace csm::weights {
namespace {

constexpr std::string_view kMagic = "GGUF";
constexpr std::uint32_t kOldest = 2;
constexpr std::uint32_t kNewest = 3;
constexpr std::uint64_t kMaxTensors = 1U << 16U;
constexpr std::uint64_t kMaxName = 1024;
constexpr std::uint32_t kMaxDims = 4;
constexpr std::int64_t kDefaultAlignment = 32;
constexpr std::int64_t kMaxAlignment = 1 << 20;
constexpr std::uint64_t kMaxBytes = std::numeric_limits<std::int64_t>::max();

[[noreturn]] void fail(ErrorCode code, const std::string& what,
                       const std::string& where) {
  throw Error(code, str_cat("[weights.gguf] ", what, " (", where, ")"));
}

Dtype to_dtype(std::uint32_t number, const std::string& where) {
  if (const auto dtype = gguf_dtype(number)) return *dtype;
  const auto name = gguf_type_name(number);
  fail(ErrorCode::kUnsupported,
       str_cat("expected type F32, F16, BF16, Q4_0, Q8_0, Q4_K, Q5_K or Q6_K, "
               "got ",
               name ? std::string(*name) : str_cat("number ", number)),
       where);
}

void check_version(GgufCursor& cursor) {
  const auto magic = cursor.take(kMagic.size(), "\"GGUF\"");
  if (!std::equal(magic.begin(), magic.end(),
                  std::as_bytes(std::span(kMagic)).begin())) {
    fail(ErrorCode::kCorrupt, "expected a file that begins with \"GGUF\"",
         cursor.origin());
  }
  const std::uint32_t version = cursor.u32("a version");
  if (version >= kOldest && version <= kNewest) return;
  const bool is_swapped = version != 0 && (version & 0xFFFFU) == 0;
  fail(ErrorCode::kUnsupported,
       is_swapped ? std::string("expected little endian numbers, got a big "
                                "endian file")
                  : str_cat("expected GGUF version ", kOldest, " or ", kNewest,
                            ", got ", version),
       cursor.origin());
}

std::vector<std::int64_t> read_shape(GgufCursor& cursor,
                                     const std::string& where) {
  const std::uint32_t n = cursor.u32("a number of extents");
  if (n > kMaxDims) {
    fail(ErrorCode::kCorrupt,
         str_cat("expected at most ", kMaxDims, " extents, got ", n), where);
  }
  std::vector<std::int64_t> shape(n);
  for (std::uint32_t i = n; i-- > 0;) {
    const std::uint64_t extent = cursor.u64("an extent");
    if (extent > kMaxBytes) {
      fail(ErrorCode::kCorrupt,
           str_cat("expected extents below 2^63, got ", extent), where);
    }
    shape[i] = static_cast<std::int64_t>(extent);
  }
  return shape;
}

// Bytes of a tensor, checked against overflow.
std::uint64_t byte_size(const TensorView& view, const std::string& where) {
  const auto values = static_cast<std::int64_t>(block_values(view.dtype));
  const std::int64_t row = view.shape.empty() ? 1 : view.shape.back();
  if (row % values != 0) {
    fail(ErrorCode::kCorrupt,
         str_cat("expected rows of a multiple of ", values, " values as ",
                 to_string(view.dtype), " has them, got shape ",
                 to_string(view.shape)),
         where);
  }
  const auto size = byte_count(view.dtype, view.shape);
  if (!size) {
    fail(ErrorCode::kCorrupt,
         str_cat("expected a size below 2^63 bytes, got shape ",
                 to_string(view.shape)),
         where);
  }
  return *size;
}

// A tensor with the position that the head claims, not yet resolved.
struct Claim {
  TensorView view;
  std::uint64_t offset = 0;  // from the beginning of the data
  std::uint64_t size = 0;
};

std::string where_of(const std::string& origin, std::string_view tensor) {
  return str_cat(origin, ", tensor ", printable(tensor));
}

std::vector<Claim> read_claims(GgufCursor& cursor, std::uint64_t count) {
  std::vector<Claim> claims;
  std::set<std::string_view> names;
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::string_view name = cursor.text(kMaxName, "a tensor's name");
    const std::string where = where_of(cursor.origin(), name);
    if (!names.insert(name).second) {
      fail(ErrorCode::kCorrupt, "expected the name once, got it twice", where);
    }
    Claim claim;
    claim.view.name = name;
    claim.view.shape = read_shape(cursor, where);
    claim.view.dtype = to_dtype(cursor.u32("a tensor's type"), where);
    claim.offset = cursor.u64("a tensor's offset");
    claim.size = byte_size(claim.view, where);
    claims.push_back(std::move(claim));
  }
  std::stable_sort(
      claims.begin(), claims.end(),
      [](const Claim& a, const Claim& b) { return a.offset < b.offset; });
  return claims;
}

std::uint64_t read_alignment(const GgufMetadata& metadata,
                             const std::string& origin) {
  const std::int64_t alignment =
      metadata.integer("general.alignment").value_or(kDefaultAlignment);
  const auto bits = static_cast<std::uint64_t>(alignment);
  if (alignment < 1 || alignment > kMaxAlignment ||
      !std::has_single_bit(bits)) {
    fail(ErrorCode::kCorrupt,
         str_cat("expected a power of two up to ", kMaxAlignment, ", got ",
                 alignment),
         str_cat(origin, ": key 'general.alignment'"));
  }
  return bits;
}

// The tensors, which lie one behind the other.
std::vector<TensorView> resolve(std::vector<Claim> claims,
                                std::span<const std::byte> data,
                                std::uint64_t alignment,
                                const std::string& origin) {
  std::vector<TensorView> tensors;
  std::uint64_t position = 0;
  for (Claim& claim : claims) {
    const std::string where = where_of(origin, claim.view.name);
    if (claim.offset != position) {
      fail(ErrorCode::kCorrupt,
           str_cat("expected the tensor at offset ", position,
                   ", behind the others, got ", claim.offset),
           where);
    }
    if (position > data.size() || claim.size > data.size() - position) {
      fail(
          ErrorCode::kCorrupt,
          str_cat("expected ", claim.size, " bytes for ",
                  to_string(claim.view.dtype), ' ', to_string(claim.view.shape),
                  " at offset ", position, ", got ",
                  data.size() - std::min<std::uint64_t>(position, data.size())),
          where);
    }
    claim.view.bytes = data.subspan(static_cast<std::size_t>(position),
                                    static_cast<std::size_t>(claim.size));
    // No overflow: sizes are below 2^63.
    position = round_up(position + claim.size, alignment);
    tensors.push_back(std::move(claim.view));
  }
  if (data.size() > position) {
    fail(ErrorCode::kCorrupt,
         str_cat("expected ", position, " bytes of data, got ", data.size()),
         origin);
  }
  return tensors;
}

}  // namespace

GgufFile::GgufFile(const std::filesystem::path& path) : file_(path) {
  const std::string origin = path.string();
  GgufCursor cursor(file_.bytes(), origin);
  check_version(cursor);
  const std::uint64_t n_tensors = cursor.u64("a number of tensors");
  const std::uint64_t n_pairs = cursor.u64("a number of keys");
  if (n_tensors > kMaxTensors) {
    fail(ErrorCode::kCorrupt,
         str_cat("expected at most ", kMaxTensors, " tensors, got ", n_tensors),
         origin);
  }
  metadata_ = GgufMetadata(cursor, n_pairs);
  auto claims = read_claims(cursor, n_tensors);
  const std::uint64_t alignment = read_alignment(metadata_, origin);
  const auto begin = static_cast<std::size_t>(std::min<std::uint64_t>(
      round_up(cursor.position(), alignment), file_.bytes().size()));
  tensors_ = resolve(std::move(claims), file_.bytes().subspan(begin), alignment,
                     origin);
  if (metadata_.string("general.architecture") == "csm") check_packing(*this);
}

std::optional<Json> GgufFile::config() const { return gguf_config(*this); }

std::optional<Json> GgufFile::tokenizer() const {
  return gguf_tokenizer(metadata_, path().string());
}

}  // namespace csm::weights
