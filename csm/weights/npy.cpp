#include "csm/weights/npy.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "csm/base/atomic_file.h"
#include "csm/base/check.h"
#include "csm/base/error.h"
#include "csm/base/mapped_file.h"
#include "csm/base/printable.h"
#include "csm/base/str_cat.h"

namespace csm::weights {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::size_t kMaxHeader = 64 * 1024;
constexpr std::size_t kMaxDims = 8;
constexpr std::size_t kHeaderUnit = 64;  // numpy pads headers to this

[[noreturn]] void fail(ErrorCode code, const std::string& what,
                       const std::filesystem::path& path) {
  throw Error(code, str_cat("[weights.npy] ", what, " (", path.string(), ")"));
}

// Reads the header's Python literal:
// {'descr': '<i4', 'fortran_order': False, 'shape': (2, 3), }
class HeaderParser {
 public:
  HeaderParser(std::string_view text, const std::filesystem::path& path)
      : text_(text), path_(path) {}

  void parse() {
    expect('{');
    while (!accept('}')) {
      const std::string key = quoted();
      expect(':');
      if (key == "descr" && !descr) {
        descr = quoted();
      } else if (key == "fortran_order" && !fortran_order) {
        fortran_order = boolean();
      } else if (key == "shape" && !shape) {
        shape = tuple();
      } else {
        malformed();
      }
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    skip_space();
    if (!text_.empty() || !descr || !fortran_order || !shape) malformed();
  }

  std::optional<std::string> descr;
  std::optional<bool> fortran_order;
  std::optional<std::vector<std::int64_t>> shape;

 private:
  [[noreturn]] void malformed() const {
    fail(ErrorCode::kCorrupt,
         str_cat("expected a header of descr, fortran_order and shape, got '",
                 printable(text_, 30), "'"),
         path_);
  }
  void skip_space() {
    while (!text_.empty() && (text_[0] == ' ' || text_[0] == '\n')) {
      text_.remove_prefix(1);
    }
  }
  bool accept(char c) {
    skip_space();
    if (text_.empty() || text_[0] != c) return false;
    text_.remove_prefix(1);
    return true;
  }
  void expect(char c) {
    if (!accept(c)) malformed();
  }
  std::string quoted() {
    skip_space();
    const char quote = text_.empty() ? '\0' : text_[0];
    if (quote != '\'' && quote != '"') malformed();
    const std::size_t end = text_.find(quote, 1);
    if (end == std::string_view::npos) malformed();
    std::string out(text_.substr(1, end - 1));
    text_.remove_prefix(end + 1);
    return out;
  }
  bool boolean() {
    skip_space();
    for (const bool value : {false, true}) {
      const std::string_view word = value ? "True" : "False";
      if (text_.starts_with(word)) {
        text_.remove_prefix(word.size());
        return value;
      }
    }
    malformed();
  }
  std::vector<std::int64_t> tuple() {
    std::vector<std::int64_t> out;
    expect('(');
    while (!accept(')')) {
      skip_space();
      std::int64_t value = 0;
      const auto [end, error] =
          std::from_chars(text_.data(), text_.data() + text_.size(), value);
      if (error != std::errc{} || value < 0 || out.size() == kMaxDims) {
        malformed();
      }
      text_.remove_prefix(static_cast<std::size_t>(end - text_.data()));
      out.push_back(value);
      if (!accept(',')) {
        expect(')');
        break;
      }
    }
    return out;
  }

  std::string_view text_;
  const std::filesystem::path& path_;
};

struct RawArray {
  std::string descr;
  std::vector<std::int64_t> shape;
  std::span<const std::byte> data;
};

// Number of elements, checked against overflow.
std::uint64_t count_of(const std::vector<std::int64_t>& shape,
                       const std::filesystem::path& path) {
  if (std::count(shape.begin(), shape.end(), 0) != 0) return 0;
  std::uint64_t count = 1;
  for (const std::int64_t dim : shape) {
    const auto n = static_cast<std::uint64_t>(dim);
    if (count > (1ULL << 48U) / n) {
      fail(ErrorCode::kCorrupt, "expected fewer than 2^48 elements in 'shape'",
           path);
    }
    count *= n;
  }
  return count;
}

// Header text and where the data begins.
std::pair<std::string_view, std::size_t> locate_header(const MappedFile& file) {
  const std::string_view text(
      reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size());
  if (text.size() < 10 || !text.starts_with(kMagic)) {
    fail(ErrorCode::kCorrupt, "expected a NumPy .npy file, got something else",
         file.path());
  }
  const int version = static_cast<std::uint8_t>(text[6]);
  if (version < 1 || version > 3 || text[7] != 0) {
    fail(ErrorCode::kUnsupported,
         str_cat("expected format 1.0, 2.0 or 3.0, got ", version, ".",
                 int{static_cast<std::uint8_t>(text[7])}),
         file.path());
  }
  const std::size_t length_bytes = version == 1 ? 2 : 4;
  const std::size_t begin = 8 + length_bytes;
  std::size_t length = 0;
  for (std::size_t i = std::min(begin, text.size()); i-- > 8;) {
    length = (length << 8U) | static_cast<std::uint8_t>(text[i]);
  }
  if (text.size() < begin || length > kMaxHeader ||
      length > text.size() - begin) {
    fail(ErrorCode::kCorrupt,
         str_cat("expected a header within the file, got a length of ", length),
         file.path());
  }
  return {text.substr(begin, length), begin + length};
}

RawArray read_raw(const MappedFile& file) {
  const auto [header, begin] = locate_header(file);
  HeaderParser parser(header, file.path());
  parser.parse();
  if (*parser.fortran_order && parser.shape->size() > 1) {
    fail(ErrorCode::kUnsupported, "expected C order, got Fortran order",
         file.path());
  }
  return {*parser.descr, *parser.shape, file.bytes().subspan(begin)};
}

// Copies the data after a check of its size.
template <class T>
std::vector<T> elements(const RawArray& raw,
                        const std::filesystem::path& path) {
  const std::uint64_t count = count_of(raw.shape, path);
  if (raw.data.size() != count * sizeof(T)) {
    fail(ErrorCode::kCorrupt,
         str_cat("expected ", count * sizeof(T), " bytes of data, got ",
                 raw.data.size()),
         path);
  }
  std::vector<T> out(count);
  if (count > 0) std::memcpy(out.data(), raw.data.data(), raw.data.size());
  return out;
}

[[noreturn]] void refuse_dtype(const RawArray& raw, const char* expected,
                               const std::filesystem::path& path) {
  fail(ErrorCode::kUnsupported,
       str_cat("expected dtype ", expected, ", got '", printable(raw.descr, 20),
               "'"),
       path);
}

std::string header_text(const char* descr,
                        std::span<const std::int64_t> shape) {
  std::string dims;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    dims += str_cat(i > 0 ? ", " : "", shape[i]);
  }
  if (shape.size() == 1) dims += ",";
  std::string text =
      str_cat("{'descr': '", descr, "', 'fortran_order': False, 'shape': (",
              dims, "), }");
  const std::size_t used = kMagic.size() + 4 + text.size() + 1;
  text.append((kHeaderUnit - used % kHeaderUnit) % kHeaderUnit, ' ');
  return text + "\n";
}

template <class T>
void write(const std::filesystem::path& path, const char* descr,
           std::span<const std::int64_t> shape, std::span<const T> data) {
  std::uint64_t count = 1;
  for (const std::int64_t dim : shape) {
    count *= static_cast<std::uint64_t>(dim);
  }
  CSM_CHECK(count == data.size() && shape.size() <= kMaxDims,
            "shape differs from the data");
  const std::string header = header_text(descr, shape);
  std::string contents(kMagic);
  contents += {'\x01', '\x00', static_cast<char>(header.size() & 0xFFU),
               static_cast<char>(header.size() >> 8U)};
  contents += header;
  contents.append(reinterpret_cast<const char*>(data.data()),
                  data.size_bytes());
  write_file_atomically(path, contents);
}

}  // namespace

NpyArray<std::int32_t> read_npy_i32(const std::filesystem::path& path) {
  const MappedFile file(path);
  const RawArray raw = read_raw(file);
  if (raw.descr == "<i4") {
    return {raw.shape, elements<std::int32_t>(raw, path)};
  }
  if (raw.descr != "<i8") refuse_dtype(raw, "<i4 or <i8", path);
  NpyArray<std::int32_t> out{raw.shape, {}};
  for (const std::int64_t value : elements<std::int64_t>(raw, path)) {
    if (value < std::numeric_limits<std::int32_t>::min() ||
        value > std::numeric_limits<std::int32_t>::max()) {
      fail(ErrorCode::kCorrupt,
           str_cat("expected values of 32 bits, got ", value), path);
    }
    out.data.push_back(static_cast<std::int32_t>(value));
  }
  return out;
}

NpyArray<float> read_npy_f32(const std::filesystem::path& path) {
  const MappedFile file(path);
  const RawArray raw = read_raw(file);
  if (raw.descr != "<f4") refuse_dtype(raw, "<f4", path);
  return {raw.shape, elements<float>(raw, path)};
}

void write_npy(const std::filesystem::path& path,
               std::span<const std::int64_t> shape,
               std::span<const std::int32_t> data) {
  write(path, "<i4", shape, data);
}

void write_npy(const std::filesystem::path& path,
               std::span<const std::int64_t> shape,
               std::span<const float> data) {
  write(path, "<f4", shape, data);
}

}  // namespace csm::weights
