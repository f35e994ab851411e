#pragma once

#include <string>

#include "csm/codec/mimi_config.h"
#include "csm/kernels/exec_op.h"
#include "csm/weights/weight_store.h"

namespace csm::codec {

/// The entries of all codebooks, which encoder and decoder share.
struct Codebooks {
  /// [n_codebooks*codebook_size + 1, dim] float32: one book below the other,
  /// the semantic ones first, then a row of zeros
  mx::array table;

  /// Takes `codec.quantizer.*.codebook.*` from the store.
  ///
  /// Throws: Error{kNotFound} or Error{kCorrupt} naming a missing or misshapen
  /// tensor.
  static Codebooks load(const MimiConfig& config, weights::WeightStore& store);

  /// SHA-256 of the table: codes mean the same where it is the same.
  [[nodiscard]] std::string digest() const;
};

/// The entries of one codebook, [codebook_size, codebook_dim] float32: stored
/// as such (NAME.embed), or as sums over the vectors of a cluster and its
/// weight (NAME.embed_sum, NAME.cluster_usage).
///
/// name  canonical, up to ".codebook"
/// Throws: as Codebooks::load.
[[nodiscard]] mx::array load_codebook(const MimiConfig& config,
                                      const std::string& name,
                                      weights::WeightStore& store);

/// The two groups of codebooks, each with projections of its own.
enum class BookGroup { kSemantic, kAcoustic };

/// Canonical name of what belongs to a group.
[[nodiscard]] std::string group_name(BookGroup group);

/// Takes the group's `<side>_proj.weight` [out, in, 1] as [out, in].
[[nodiscard]] mx::array load_projection(BookGroup group, const char* side,
                                        int out, int in,
                                        weights::WeightStore& store);

}  // namespace csm::codec
