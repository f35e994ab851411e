#pragma once

#include <span>
#include <vector>

#include "csm/model/model_config.h"
#include "csm/model/weight_policy.h"
#include "csm/nn/kv_cache.h"
#include "csm/nn/llama.h"
#include "csm/weights/weight_store.h"

namespace csm::model {

/// What one sequence has written: the backbone's cache, one position per text
/// token or frame.
using BackboneState = nn::KvCache;

/// A sequence's share of a batch: its state and the positions it runs.
using BackboneShare = nn::CacheShare;

/// The depth decoder's cache, of one frame of N sequences; it starts anew with
/// every frame.
using DepthState = nn::KvCache;

/// The two transformers of a CSM with their tables and heads.
///
/// Every function builds a lazy graph, so that a whole frame (backbone step,
/// K heads, sampling in between) is one evaluation, for one sequence or for a
/// batch of N whose frames share the reading of the weights. Dimension letters:
/// T rows, D backbone width, d depth width, K codebooks, V rows per codebook.
///
/// Owns its weights, const after load(); shared by all sessions, whose state
/// is in BackboneState and DepthState. Threads: engine thread only.
/// Exact: logits <= 2e-4 against transformers 4.57.6; a row's result does not
/// depend on the rows computed with it (tests/parity/csm_test.cpp)
class CsmModel {
 public:
  /// Takes all tensors of the two transformers from the store.
  ///
  /// policy  how matrices and tables are kept; activations are always float32
  /// Throws: Error{kNotFound} or Error{kCorrupt} naming a missing or
  /// misshapen tensor.
  static CsmModel load(const ModelConfig& config, weights::WeightStore& store,
                       const WeightPolicy& policy);

  [[nodiscard]] const ModelConfig& config() const { return config_; }

  /// ids [T] int32 -> [T, D]. Ids outside the vocabulary give NaN rows.
  [[nodiscard]] mx::array embed_text(const kernels::Exec& exec,
                                     const mx::array& ids) const;

  /// Sum over the K codes of each frame: codes [T, K] int32 -> [T, D].
  /// Codes outside [0, V) give NaN or another codebook's row.
  [[nodiscard]] mx::array embed_frames(const kernels::Exec& exec,
                                       const mx::array& codes) const;

  /// State of an empty sequence, for up to max_position_embeddings rows.
  [[nodiscard]] BackboneState new_state() const;

  /// Runs T embedded positions that follow those in `state`.
  ///
  /// x [T, D] -> [T, D] hidden rows after the final norm
  /// Throws: Error{kExhausted} if the sequence becomes too long.
  [[nodiscard]] mx::array backbone(const kernels::Exec& exec,
                                   const mx::array& x,
                                   BackboneState& state) const;

  /// The same for a batch: the rows of its sequences follow each other in x.
  ///
  /// Throws: Error{kExhausted} if a sequence becomes too long.
  [[nodiscard]] mx::array backbone(const kernels::Exec& exec,
                                   const mx::array& x,
                                   std::span<const BackboneShare> batch) const;

  /// h [N, D] -> logits of codebook 0, [N, V].
  [[nodiscard]] mx::array c0_logits(const kernels::Exec& exec,
                                    const mx::array& h) const;

  [[nodiscard]] DepthState new_depth_state(int n_sequences = 1) const;

  /// Starts the depth decoder for one frame of N sequences.
  ///
  /// h        [N, D], the backbone rows that predict the frame
  /// c0       [N, 1] int32, codes of codebook 0; may be lazy
  /// state    any of N sequences; starts anew
  /// returns  [N, V], logits of codebook 1
  [[nodiscard]] mx::array depth_start(const kernels::Exec& exec,
                                      const mx::array& h, const mx::array& c0,
                                      DepthState& state) const;

  /// One more code of the frame.
  ///
  /// previous  [N, 1] int32, codes of codebook - 1; may be lazy
  /// codebook  the one to predict, 2..K-1, in order
  /// returns   [N, V], logits of `codebook`
  [[nodiscard]] mx::array depth_next(const kernels::Exec& exec,
                                     const mx::array& previous, int codebook,
                                     DepthState& state) const;

 private:
  /// Everything but the two stacks.
  struct Tables {
    mx::array text;                      // [T_vocab, D]
    mx::array frames;                    // [K*V, D]
    std::vector<mx::array> depth;        // K-1 views [V, D], codebooks 0..K-2
    kernels::Matrix projection;          // [d, D]
    kernels::Matrix c0_head;             // [V, D]
    std::vector<kernels::Matrix> heads;  // K-1 of [V, d], codebooks 1..K-1
  };

  CsmModel(const ModelConfig& config, nn::LlamaStack backbone,
           nn::LlamaStack depth, Tables tables);
  static Tables load_tables(const ModelConfig& config,
                            weights::WeightStore& store,
                            const WeightPolicy& policy);

  /// Runs embedded rows [T*N, D], position by position, through the depth
  /// decoder; logits of `codebook` from the last position, [N, V].
  [[nodiscard]] mx::array depth_logits(const kernels::Exec& exec,
                                       const mx::array& rows, int codebook,
                                       DepthState& state) const;

  ModelConfig config_;
  nn::LlamaStack backbone_;
  nn::LlamaStack depth_;
  Tables tables_;
};

}  // namespace csm::model
