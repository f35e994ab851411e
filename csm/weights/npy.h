#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

namespace csm::weights {

/// An array of a NumPy file, row-major.
template <class T>
struct NpyArray {
  std::vector<std::int64_t> shape;
  std::vector<T> data;
};

/// Reads an integer array: format 1.0, 2.0 or 3.0, C order, '<i4', or '<i8'
/// with values that fit 32 bits (what NumPy makes by default).
///
/// Throws: Error{kNotFound}; Error{kCorrupt} for a malformed header or a size
/// other than the header says; Error{kUnsupported} naming another dtype or
/// Fortran order.
[[nodiscard]] NpyArray<std::int32_t> read_npy_i32(
    const std::filesystem::path& path);

/// As read_npy_i32, for '<f4'.
[[nodiscard]] NpyArray<float> read_npy_f32(const std::filesystem::path& path);

/// Writes `data` of `shape` ('<i4' or '<f4'), byte for byte as numpy.save.
/// The file appears under its name only when it is complete.
///
/// Throws: Error{kInvalidArgument} for a path that cannot be written,
/// Error{kExhausted} on a full disk.
void write_npy(const std::filesystem::path& path,
               std::span<const std::int64_t> shape,
               std::span<const std::int32_t> data);
void write_npy(const std::filesystem::path& path,
               std::span<const std::int64_t> shape,
               std::span<const float> data);

}  // namespace csm::weights
