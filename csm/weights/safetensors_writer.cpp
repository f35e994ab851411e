#include "csm/weights/safetensors_writer.h"

#include <bit>

#include "csm/base/check.h"
#include "csm/base/json.h"

namespace csm::weights {
namespace {

constexpr std::size_t kAlignment = 8;

std::string little_endian(std::uint64_t value) {
  std::string out;
  for (unsigned shift = 0; shift < 64; shift += 8) {
    out.push_back(static_cast<char>((value >> shift) & 0xFFU));
  }
  return out;
}

std::string header_text(std::span<const TensorPlan> tensors,
                        const std::map<std::string, std::string>& metadata) {
  Json header = Json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::size_t at = 0;
  for (const TensorPlan& tensor : tensors) {
    const std::size_t end = at + tensor.bytes();
    CSM_CHECK(!header.contains(tensor.name), tensor.name);
    header[tensor.name] = {{"dtype", to_string(tensor.dtype)},
                           {"shape", tensor.shape},
                           {"data_offsets", {at, end}}};
    at = end;
  }
  std::string text = header.dump();
  text.append((kAlignment - text.size() % kAlignment) % kAlignment, ' ');
  return text;
}

}  // namespace

SafetensorsWriter::SafetensorsWriter(
    const std::filesystem::path& path, std::span<const TensorPlan> tensors,
    const std::map<std::string, std::string>& metadata)
    : TensorWriter(path, "safetensors_writer") {
  static_assert(std::endian::native == std::endian::little);
  const std::string header = header_text(tensors, metadata);
  const std::string head = little_endian(header.size()) + header;
  put(std::as_bytes(std::span(head)));
  for (const TensorPlan& tensor : tensors) left_ += tensor.bytes();
  file_bytes_ = head.size() + left_;
}

void SafetensorsWriter::write(std::span<const std::byte> data) {
  CSM_CHECK(data.size() <= left_, "more data than planned");
  left_ -= data.size();
  put(data);
}

void SafetensorsWriter::finish() {
  CSM_CHECK(left_ == 0, "less data than planned");
  close();
}

}  // namespace csm::weights
