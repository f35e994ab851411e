#include "csm/weights/safetensors.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "csm/base/error.h"
#include "csm/base/json.h"
#include "csm/base/printable.h"
#include "csm/base/str_cat.h"

namespace csm::weights {
namespace {

constexpr std::size_t kLengthBytes = 8;
constexpr std::uint64_t kMaxHeaderBytes = 16UL << 20U;
constexpr std::size_t kMaxDims = 8;
constexpr std::int64_t kMaxInt = std::numeric_limits<std::int64_t>::max();

[[noreturn]] void fail(ErrorCode code, const std::string& what,
                       const std::string& where) {
  throw Error(code, str_cat("[weights.safetensors] ", what, " (", where, ")"));
}

// A view with the position that the header claims, not yet resolved.
struct Claim {
  TensorView view;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

// The JSON text of the header, without its length.
std::string_view header_of(const MappedFile& file) {
  const auto bytes = file.bytes();
  const std::string where = file.path().string();
  if (bytes.size() < kLengthBytes) {
    fail(ErrorCode::kCorrupt,
         str_cat("expected at least ", kLengthBytes, " bytes, got ",
                 bytes.size()),
         where);
  }
  std::uint64_t length = 0;
  for (std::size_t i = kLengthBytes; i-- > 0;) {
    length = (length << 8U) | std::to_integer<std::uint64_t>(bytes[i]);
  }
  const std::uint64_t available = bytes.size() - kLengthBytes;
  if (length > std::min(kMaxHeaderBytes, available)) {
    fail(ErrorCode::kCorrupt,
         str_cat("expected a header of at most ",
                 std::min(kMaxHeaderBytes, available),
                 " bytes, got a length of ", length),
         where);
  }
  return {reinterpret_cast<const char*>(bytes.data()) + kLengthBytes,
          static_cast<std::size_t>(length)};
}

std::int64_t to_count(const Json& value, const JsonObject& object,
                      const char* key) {
  const bool fits = value.is_number_integer() && value >= 0 && value <= kMaxInt;
  if (!fits) object.fail(key, "integers in [0, 2^63)");
  return value.get<std::int64_t>();
}

std::vector<std::int64_t> counts(const JsonObject& object, const char* key,
                                 std::size_t max_size) {
  const auto it = object.value().find(key);
  if (it == object.value().end() || !it->is_array() || it->size() > max_size) {
    object.fail(key, str_cat("an array of at most ", max_size, " integers"));
  }
  std::vector<std::int64_t> out;
  for (const Json& value : *it) out.push_back(to_count(value, object, key));
  return out;
}

// Bytes of a tensor, checked against overflow.
std::uint64_t byte_size(const TensorView& view, const std::string& where) {
  const auto size = byte_count(view.dtype, view.shape);
  if (!size) {
    fail(ErrorCode::kCorrupt,
         str_cat("expected a size below 2^63 bytes, got shape ",
                 to_string(view.shape)),
         where);
  }
  return *size;
}

Claim read_claim(const std::string& name, const Json& value,
                 const std::string& file) {
  const std::string where = str_cat(file, ", tensor ", printable(name));
  const JsonObject entry(value, where);
  Claim claim;
  claim.view.name = name;
  const std::string dtype = entry.string("dtype");
  if (const auto known = parse_dtype(dtype)) {
    claim.view.dtype = *known;
  } else {
    fail(ErrorCode::kUnsupported,
         str_cat("expected a known dtype, got '", printable(dtype, 20), "'"),
         where);
  }
  claim.view.shape = counts(entry, "shape", kMaxDims);
  const auto offsets = counts(entry, "data_offsets", 2);
  if (offsets.size() != 2) entry.fail("data_offsets", "two integers");
  claim.begin = static_cast<std::uint64_t>(offsets[0]);
  claim.end = static_cast<std::uint64_t>(offsets[1]);
  const std::uint64_t size = byte_size(claim.view, where);
  if (claim.end < claim.begin || claim.end - claim.begin != size) {
    fail(ErrorCode::kCorrupt,
         str_cat("expected ", size, " bytes for ", dtype, " ",
                 to_string(claim.view.shape), ", got data_offsets ",
                 to_string(offsets)),
         where);
  }
  return claim;
}

std::map<std::string, std::string> read_metadata(const JsonObject& object) {
  std::map<std::string, std::string> out;
  for (const auto& [key, value] : object.value().items()) {
    if (!value.is_string()) {
      fail(ErrorCode::kCorrupt,
           str_cat("expected a text for '", printable(key), "'"),
           object.origin());
    }
    out.emplace(key, value.get<std::string>());
  }
  return out;
}

// Sorts by position; the ranges must cover the data exactly, one after another.
void check_cover(std::vector<Claim>& claims, std::uint64_t data_size,
                 const std::string& file) {
  std::sort(claims.begin(), claims.end(), [](const Claim& a, const Claim& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  std::uint64_t next = 0;
  for (const Claim& claim : claims) {
    if (claim.begin != next) {
      fail(ErrorCode::kCorrupt,
           str_cat("expected data from byte ", next, ", got ",
                   claim.begin < next ? "an overlap" : "a gap", " up to byte ",
                   claim.begin),
           str_cat(file, ", tensor ", printable(claim.view.name)));
    }
    next = claim.end;
  }
  if (next != data_size) {
    fail(ErrorCode::kCorrupt,
         str_cat("expected ", next, " bytes of data, got ", data_size), file);
  }
}

}  // namespace

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path)
    : file_(path) {
  const std::string where = path.string();
  const std::string_view text = header_of(file_);
  const Json json = parse_json(text, where);
  const JsonObject header(json, where);
  std::vector<Claim> claims;
  for (const auto& [name, value] : json.items()) {
    if (name == "__metadata__") {
      // MLX writes null for none.
      if (!value.is_null()) metadata_ = read_metadata(header.object(name));
    } else {
      claims.push_back(read_claim(name, value, where));
    }
  }
  const auto data = file_.bytes().subspan(kLengthBytes + text.size());
  check_cover(claims, data.size(), where);
  for (Claim& claim : claims) {
    claim.view.bytes = data.subspan(claim.begin, claim.end - claim.begin);
    index_.emplace(claim.view.name, tensors_.size());
    tensors_.push_back(std::move(claim.view));
  }
}

const TensorView* SafetensorsFile::find(std::string_view name) const {
  const auto it = index_.find(name);
  return it == index_.end() ? nullptr : &tensors_[it->second];
}

}  // namespace csm::weights
