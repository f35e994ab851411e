#pragma once

// For tests only: writing small safetensors files, well-formed or not.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "csm/base/error.h"
#include "csm/base/json.h"
#include "csm/base/scratch_folder_testing.h"
#include "csm/weights/tensor_names.h"

namespace csm::weights::testing_support {

namespace fs = std::filesystem;

using csm::testing_support::ScratchFolder;

inline void write_file(const fs::path& path, std::string_view bytes) {
  std::ofstream out(path, std::ios::binary);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  ASSERT_TRUE(out.good()) << path;
}

inline std::string read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  EXPECT_TRUE(in.is_open()) << path;
  return {std::istreambuf_iterator<char>(in), {}};
}

/// Length, header, data.
inline std::string safetensors_bytes(const std::string& header,
                                     const std::string& data) {
  std::string out;
  for (unsigned shift = 0; shift < 64; shift += 8) {
    out.push_back(
        static_cast<char>(static_cast<std::uint64_t>(header.size()) >> shift));
  }
  return out + header + data;
}

/// A tensor to write; its data are zeros unless given.
struct TestTensor {
  std::string name;
  std::string dtype;
  std::vector<std::int64_t> shape;
  std::string data;
};

/// The tensors of a model with one layer each and the depth decoder's audio
/// table only, of zeros.
inline std::vector<TestTensor> smallest_model() {
  std::vector<TestTensor> out;
  for (const char* name : {"text_emb", "dd.audio_emb", "bb.norm", "dd.norm",
                           "proj", "c0_head", "audio_head"}) {
    out.push_back({*source_name(Layout::kHuggingFace, name), "F32", {2}, {}});
  }
  for (const char* layer : {"bb.0.", "dd.0."}) {
    for (const char* kind :
         {"q", "k", "v", "o", "gate", "up", "down", "attn_norm", "ffn_norm"}) {
      out.push_back(
          {*source_name(Layout::kHuggingFace, std::string(layer) + kind),
           "BF16",
           {1, 2},
           {}});
    }
  }
  return out;
}

/// The tensor of that name, which is there.
inline TestTensor& named(std::vector<TestTensor>& tensors,
                         const std::string& name) {
  for (TestTensor& tensor : tensors) {
    if (tensor.name == name) return tensor;
  }
  throw std::out_of_range(name);
}

inline std::string safetensors_bytes(const std::vector<TestTensor>& tensors) {
  Json header = Json::object();
  std::string data;
  for (const TestTensor& tensor : tensors) {
    std::size_t size = tensor.dtype == "F32" || tensor.dtype == "I32" ? 4 : 2;
    for (const std::int64_t dim : tensor.shape) {
      size *= static_cast<std::size_t>(dim);
    }
    const std::size_t begin = data.size();
    data += tensor.data.empty() ? std::string(size, '\0') : tensor.data;
    header[tensor.name] = {{"dtype", tensor.dtype},
                           {"shape", tensor.shape},
                           {"data_offsets", {begin, data.size()}}};
  }
  return safetensors_bytes(header.dump(), data);
}

/// The bytes of some values.
template <class T>
std::string bytes_of(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()),
          values.size() * sizeof(T)};
}

/// Runs `f`, which must throw Error{code} with every part in its message, on
/// one line.
template <class F>
void expect_error(ErrorCode code, const std::vector<std::string>& parts,
                  F&& f) {
  try {
    f();
    ADD_FAILURE() << "no error, expected: " << testing::PrintToString(parts);
  } catch (const Error& error) {
    const std::string message = error.what();
    EXPECT_EQ(to_string(error.code()), std::string(to_string(code))) << message;
    for (const std::string& part : parts) {
      EXPECT_NE(message.find(part), std::string::npos)
          << message << "\nlacks " << part;
    }
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    EXPECT_LT(message.size(), 1200U) << message;
  }
}

}  // namespace csm::weights::testing_support
