#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "csm/engine/model_source.h"
#include "csm/weights/tensor_writer.h"

namespace csm::engine {

/// A weight file in another layout than the model that it comes from: every
/// tensor by its name, in its order of rows, as floats or, for kCsmTts, blocks
/// of integers.
class ConvertedFile {
 public:
  /// Plans it for the tensors of a layout: of the language model, and of the
  /// codec for kHuggingFace and kCsmTts, which hold it, and kKyutai, which is
  /// it.
  ///
  /// dtype  of the language model's tensors; nothing: as they are stored, F32
  ///        where that is integers. Q8_0 or Q4_0 is of its matrices, as
  ///        model::WeightPolicy has them; what has no whole blocks is F16.
  ///        The codec's always are as they are stored, and in kCsmTts vectors
  ///        and codebooks F32.
  /// source must outlive this.
  /// Throws: Error{kUnsupported} for a model that the layout cannot hold.
  ConvertedFile(ModelSource& source, weights::Layout layout,
                std::optional<weights::Dtype> dtype);

  /// Bytes of all tensors.
  [[nodiscard]] std::size_t bytes() const;
  [[nodiscard]] std::size_t n_tensors() const { return outputs_.size(); }
  /// What a writer needs to know; the widest elements first, but for kCsmTts,
  /// whose writer aligns every tensor.
  [[nodiscard]] std::vector<weights::TensorPlan> plans() const;
  /// Writes all tensors and finishes; calls written(bytes) behind each.
  ///
  /// Throws: as WeightStore::take and the writer; Error{kUnsupported} naming a
  /// tensor with a value that the type cannot hold.
  void write(weights::TensorWriter& writer,
             const std::function<void(std::size_t)>& written);

 private:
  // Rows of an output: a tensor of the model, or ones.
  struct Piece {
    std::string canonical;  // empty: ones; of a codebook up to ".codebook"
    std::vector<int> shape;
    int head_dim = 0;  // not 0: rows of heads become pairs
    int part = 0;      // its place among the pieces
  };
  struct Output {
    weights::TensorPlan plan;
    std::vector<Piece> pieces;
  };

  void plan_lm();
  void plan_codec();
  void plan_table();
  void add(const std::string& canonical, std::vector<int> shape);
  // Under the name of another tensor.
  void add_as(const std::string& as, const std::string& canonical,
              std::vector<int> shape);
  // Once for each codebook, of whose tensors `stored` is one.
  void add_codebook(const std::string& stored);
  void add_ones(const std::string& canonical, std::vector<int> shape,
                weights::Dtype dtype);
  [[nodiscard]] weights::Dtype dtype_of(const std::string& canonical,
                                        const std::vector<int>& shape) const;
  [[nodiscard]] std::vector<int> codec_shape(
      const std::string& canonical) const;
  void write_piece(const Piece& piece, weights::Dtype dtype,
                   weights::TensorWriter& writer);

  ModelSource& source_;
  weights::Layout layout_;
  std::optional<weights::Dtype> dtype_;
  std::vector<Output> outputs_;
};

}  // namespace csm::engine
