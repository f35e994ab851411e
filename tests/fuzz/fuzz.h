#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include "csm/base/error.h"

/// The function of every target here: libFuzzer's entry, and what
/// replay_main.cpp calls with the files of a corpus.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size);

namespace csm::fuzz {

/// Runs what may refuse its input. A csm::Error is a refusal; anything else
/// that is thrown ends the program, as a finding.
template <class F>
void refusable(F&& run) {
  try {
    run();
  } catch (const Error&) {
  }
}

/// The path of a file of this process, in a folder that goes when it ends.
[[nodiscard]] std::filesystem::path scratch(const std::string& name);

/// Writes scratch(name) anew. Ends the program if that fails.
std::filesystem::path write_scratch(const std::string& name,
                                    std::span<const std::uint8_t> data);

/// Reads all bytes, so that a view outside its file is found.
void touch(std::span<const std::byte> bytes);

}  // namespace csm::fuzz
