#include "csm/weights/safetensors_writer.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "csm/weights/safetensors.h"
#include "csm/weights/weights_testing.h"

namespace csm::weights {
namespace {

using testing_support::expect_error;
using testing_support::ScratchFolder;

std::span<const std::byte> bytes(const std::string& text) {
  return std::as_bytes(std::span(text));
}

const std::vector<TensorPlan>& plans() {
  static const std::vector<TensorPlan> all = {{"z.words", Dtype::kU32, {2, 1}},
                                              {"a.scales", Dtype::kBf16, {3}},
                                              {"scalar", Dtype::kF16, {}}};
  return all;
}

TEST(SafetensorsWriter, ReadAgain_TheSameInAnyPieces) {
  const ScratchFolder folder;
  const auto path = folder / "x.safetensors";
  SafetensorsWriter writer(path, plans(), {{"format", "mlx"}});
  writer.write(bytes("abcde"));
  writer.write(bytes("fghijklmnop"));
  writer.finish();
  const SafetensorsFile file(path);
  EXPECT_EQ(std::filesystem::file_size(path), writer.file_bytes());
  EXPECT_EQ(file.metadata().at("format"), "mlx");
  ASSERT_EQ(file.tensors().size(), plans().size());
  const std::vector<std::string> data = {"abcdefgh", "ijklmn", "op"};
  for (std::size_t i = 0; i < data.size(); ++i) {
    const TensorView& view = file.tensors()[i];
    EXPECT_EQ(view.name, plans()[i].name);
    EXPECT_EQ(view.dtype, plans()[i].dtype);
    EXPECT_EQ(view.shape, plans()[i].shape);
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(view.bytes.data()),
                          view.bytes.size()),
              data[i]);
  }
  // Behind a header that is a multiple of 8 bytes, words are aligned.
  EXPECT_EQ(
      reinterpret_cast<std::uintptr_t>(file.tensors()[0].bytes.data()) % 8, 0U);
}

TEST(SafetensorsWriter, TooMuchOrTooLittleIsOurBug) {
  const ScratchFolder folder;
  SafetensorsWriter writer(folder / "x", plans(), {});
  writer.write(bytes("0123"));
  expect_error(ErrorCode::kInternal, {"less data"}, [&] { writer.finish(); });
  expect_error(ErrorCode::kInternal, {"more data"},
               [&] { writer.write(bytes("0123456789abc")); });
}

TEST(SafetensorsWriter, NoFolder_NamesThePath) {
  expect_error(ErrorCode::kInvalidArgument, {"/nonexistent/x"}, [] {
    const SafetensorsWriter writer("/nonexistent/x", plans(), {});
  });
}

}  // namespace
}  // namespace csm::weights
