#include "csm/weights/gguf_writer.h"

#include <bit>

#include "csm/base/check.h"
#include "csm/base/round_up.h"
#include "csm/weights/gguf_types.h"

namespace csm::weights {
namespace {

constexpr std::string_view kMagic = "GGUF";
constexpr std::uint32_t kVersion = 3;
constexpr std::size_t kAlignment = 32;  // what files mean that do not say
constexpr std::size_t kMaxDims = 4;

// Types of values.
constexpr std::uint32_t kU32 = 4;
constexpr std::uint32_t kF32 = 6;
constexpr std::uint32_t kString = 8;
constexpr std::uint32_t kArray = 9;

template <class T>
void append(std::string& out, T number) {
  static_assert(std::endian::native == std::endian::little);
  out.append(reinterpret_cast<const char*>(&number), sizeof number);
}

void append_text(std::string& out, std::string_view text) {
  append(out, std::uint64_t{text.size()});
  out.append(text);
}

std::size_t padded(std::size_t size) { return round_up(size, kAlignment); }

std::string head_of(std::span<const TensorPlan> tensors,
                    const GgufPairs& pairs) {
  std::string out(kMagic);
  append(out, kVersion);
  append(out, std::uint64_t{tensors.size()});
  append(out, pairs.count());
  out += pairs.bytes();
  std::uint64_t offset = 0;
  for (const TensorPlan& tensor : tensors) {
    const auto type = gguf_type_number(tensor.dtype);
    CSM_CHECK(type && tensor.shape.size() <= kMaxDims, tensor.name);
    append_text(out, tensor.name);
    append(out, static_cast<std::uint32_t>(tensor.shape.size()));
    for (std::size_t i = tensor.shape.size(); i-- > 0;) {
      append(out, static_cast<std::uint64_t>(tensor.shape[i]));
    }
    append(out, *type);
    append(out, offset);
    offset += padded(tensor.bytes());
  }
  return out;
}

}  // namespace

void GgufPairs::begin(std::string_view key, std::uint32_t type) {
  ++count_;
  append_text(bytes_, key);
  append(bytes_, type);
}

void GgufPairs::add_u32(std::string_view key, std::uint32_t value) {
  begin(key, kU32);
  append(bytes_, value);
}

void GgufPairs::add_f32(std::string_view key, float value) {
  begin(key, kF32);
  append(bytes_, value);
}

void GgufPairs::add_string(std::string_view key, std::string_view value) {
  begin(key, kString);
  append_text(bytes_, value);
}

void GgufPairs::add_strings(std::string_view key,
                            std::span<const std::string> values) {
  begin(key, kArray);
  append(bytes_, kString);
  append(bytes_, std::uint64_t{values.size()});
  for (const std::string& value : values) append_text(bytes_, value);
}

GgufWriter::GgufWriter(const std::filesystem::path& path,
                       std::span<const TensorPlan> tensors,
                       const GgufPairs& pairs)
    : TensorWriter(path, "gguf_writer") {
  for (const TensorPlan& tensor : tensors) sizes_.push_back(tensor.bytes());
  const std::string head = head_of(tensors, pairs);
  put(std::as_bytes(std::span(head)));
  pad(head.size());
}

void GgufWriter::write(std::span<const std::byte> data) {
  CSM_CHECK(next_ < sizes_.size() && data.size() <= sizes_[next_] - done_,
            "more data than planned");
  put(data);
  done_ += data.size();
  if (done_ < sizes_[next_]) return;
  pad(done_);
  ++next_;
  done_ = 0;
}

void GgufWriter::finish() {
  CSM_CHECK(next_ == sizes_.size(), "less data than planned");
  close();
}

void GgufWriter::pad(std::size_t size) {
  const std::string zeros(padded(size) - size, '\0');
  put(std::as_bytes(std::span(zeros)));
}

}  // namespace csm::weights
