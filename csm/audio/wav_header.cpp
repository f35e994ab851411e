#include "csm/audio/wav_header.h"

#include <string_view>

namespace csm::audio {
namespace {

constexpr std::uint32_t kUnknown = 0xFFFFFFFF;

class Header {
 public:
  void text(std::string_view letters) {
    for (const char letter : letters) {
      bytes_.push_back(static_cast<std::byte>(letter));
    }
  }
  void u16(unsigned value) { little_endian(value, 2); }
  void u32(std::uint32_t value) { little_endian(value, 4); }
  [[nodiscard]] std::vector<std::byte> take() { return std::move(bytes_); }

 private:
  void little_endian(std::uint32_t value, int n_bytes) {
    for (int i = 0; i < n_bytes; ++i) {
      bytes_.push_back(static_cast<std::byte>(value >> (8 * i) & 0xFFU));
    }
  }

  std::vector<std::byte> bytes_;
};

}  // namespace

std::vector<std::byte> wav_header(int sample_rate, SampleFormat sample_format,
                                  std::optional<std::int64_t> data_bytes) {
  const bool is_float = sample_format == SampleFormat::kFloat32;
  const unsigned sample_bytes = is_float ? 4 : 2;
  const std::uint32_t rest = is_float ? 48 : 36;  // of the header behind RIFF
  const auto rate = static_cast<std::uint32_t>(sample_rate);
  const auto n_bytes =
      static_cast<std::uint32_t>(data_bytes.value_or(kUnknown));
  Header header;
  header.text("RIFF");
  header.u32(data_bytes ? n_bytes + rest : kUnknown);
  header.text("WAVEfmt ");
  header.u32(16);
  header.u16(is_float ? 3 : 1);  // IEEE float, PCM
  header.u16(1);                 // channels
  header.u32(rate);
  header.u32(rate * sample_bytes);
  header.u16(sample_bytes);
  header.u16(8 * sample_bytes);
  if (is_float) {
    header.text("fact");
    header.u32(4);
    header.u32(data_bytes ? n_bytes / sample_bytes : kUnknown);
  }
  header.text("data");
  header.u32(n_bytes);
  return header.take();
}

}  // namespace csm::audio
