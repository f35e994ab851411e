#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "csm/base/thread_pool.h"
#include "csm/weights/affine_tensor.h"
#include "csm/weights/aligned_array.h"
#include "csm/weights/checkpoint.h"
#include "csm/weights/lora.h"
#include "csm/weights/quantization.h"
#include "csm/weights/tensor_names.h"

namespace csm::weights {

/// Which files a store reads, and how.
struct StoreFiles {
  std::filesystem::path model;  ///< folder or file, as Checkpoint::open
  /// Of the model's names; nothing: they tell.
  std::optional<Layout> layout = {};
  /// File of the codec, or a folder with one; empty: inside the model's files
  /// or beside them (find_mimi).
  std::filesystem::path mimi = {};
};

/// Rows of a head, which interleaved q and k need to know.
struct HeadDims {
  int backbone = 0;
  int depth = 0;
  int codec = 0;
};

/// A checkpoint's tensors by canonical name, handed out once each as MLX
/// arrays of the type that the model computes with, in the order of rows that
/// it computes with, whatever the layout and kind of the files.
///
/// Load: open(), set_head_dims(), take() for every tensor of the model,
/// check_all_used(). Values are copied, so the store may go when loading is
/// done; files stay mapped until then, but pages that were read are given back.
/// Movable only. Threads: one at a time.
class WeightStore {
 public:
  /// Opens a model. Any X.weight of it may be integers with X.scales and
  /// X.biases beside them, as MLX stores them, or blocks of GGUF; that is then
  /// one tensor of this store. A model may have no codec (has_codec()).
  ///
  /// Throws: as Checkpoint::open and find_mimi(); Error{kUnsupported} for an
  /// unknown layout, or scales beside a tensor that is not U32, or scales
  /// without biases as MLX's mxfp4, mxfp8 and nvfp4 have; Error{kCorrupt}
  /// naming tensors that the layout does not have or has twice,
  /// Error{kNotFound} naming those that any such model has and this one lacks,
  /// or missing scales or biases.
  static WeightStore open(const StoreFiles& files);

  /// A store that has every tensor that is asked for, in any shape, with
  /// values of RandomValues; audio tables are tied. Nothing but the arrays
  /// themselves is held in memory.
  ///
  /// pool  fills them; null: the calling thread. Must outlive the store.
  static WeightStore random(std::uint64_t seed, ThreadPool* pool);

  /// Says what config.json says about integers; tensors must agree with it.
  /// Without it their shapes alone tell bits and groups.
  void declare(Quantization quantization);

  /// Needed before tensors of an interleaved layout are taken.
  void set_head_dims(const HeadDims& dims) { head_dims_ = dims; }

  /// From now on tensors are taken as the adapter changes them; of several, one
  /// after the other.
  ///
  /// Throws: Error{kCorrupt} if it changes a tensor that the model does not
  /// have; Error{kUnsupported} for an audio table that serves both
  /// transformers.
  void add(LoraAdapter adapter);

  /// True if an adapter changes the tensor.
  [[nodiscard]] bool is_adapted(std::string_view canonical) const;

  /// The form in which take_affine() gives a tensor; nothing if it is stored
  /// as floats or in integers that kernels do not compute with, or if an
  /// adapter changes it.
  ///
  /// shape  of the weights
  /// Throws: Error{kNotFound}; as stored_form().
  [[nodiscard]] std::optional<AffineForm> integer_form(
      std::string_view canonical, const std::vector<int>& shape) const;

  /// True if the tensor is stored as words with scales and biases.
  ///
  /// Throws: Error{kNotFound}.
  [[nodiscard]] bool is_affine(std::string_view canonical) const;

  /// True if any tensor is stored as integers.
  [[nodiscard]] bool has_affine() const;

  /// True if there are tensors of the codec.
  [[nodiscard]] bool has_codec() const;

  /// Element type in the file; nothing for random weights.
  ///
  /// Throws: Error{kNotFound}.
  [[nodiscard]] std::optional<Dtype> stored_dtype(
      std::string_view canonical) const;

  /// True for random().
  [[nodiscard]] bool is_random() const { return random_.has_value(); }

  /// True if take(canonical, ...) would find a tensor, used or not.
  [[nodiscard]] bool has(std::string_view canonical) const;

  /// Shape of a tensor as stored.
  ///
  /// Throws: Error{kNotFound}.
  [[nodiscard]] std::vector<std::int64_t> shape(
      std::string_view canonical) const;

  /// The values of a tensor, which counts as used from then on.
  ///
  /// dtype    mx::float32 or mx::bfloat16; stored are F32, F16 or BF16, or
  ///          integers or blocks, which become the weights that they stand for
  /// returns  evaluated, contiguous, data at a multiple of 64 bytes on CPU
  ///
  /// With tied audio tables "audio_emb" and "dd.audio_emb" give one array.
  ///
  /// Throws: Error{kNotFound} if absent; Error{kCorrupt} if the shape differs
  /// or a value is not finite in either type; Error{kUnsupported} for another
  /// stored type; for integers as stored_form() and read_affine();
  /// Error{kInternal} if taken before.
  /// Exact: float32 keeps every value; bfloat16 rounds to nearest, ties to
  /// even, as torch (csm/weights/weight_store_test.cpp).
  [[nodiscard]] mx::array take(std::string_view canonical,
                               const std::vector<int>& shape, mx::Dtype dtype);

  /// The same for one of the shape[0] parts of a tensor, so that no more than
  /// that is in memory. Part 0, the first to be taken, marks the tensor as
  /// used.
  ///
  /// shape    of the whole tensor
  /// returns  of the shape behind its first extent
  [[nodiscard]] mx::array take_part(std::string_view canonical,
                                    const std::vector<int>& shape, int part,
                                    mx::Dtype dtype);

  /// The integers of a tensor that has an integer_form(), and those of one
  /// part.
  ///
  /// shape    of the weights, not of the words that hold them
  /// Throws: as stored_form() and read_affine(); Error{kInternal} as take().
  [[nodiscard]] AffineTensor take_affine(std::string_view canonical,
                                         const std::vector<int>& shape);
  [[nodiscard]] AffineTensor take_affine_part(std::string_view canonical,
                                              const std::vector<int>& shape,
                                              int part);

  /// True if frames and the depth decoder read one table: a single one is
  /// stored, or both are and agree in every byte.
  [[nodiscard]] bool audio_tables_tied() const { return tied_; }

  /// Counts all tensors whose canonical name begins with `prefix` as used
  /// (parts of the model that the caller does not load).
  void skip(std::string_view prefix);

  /// A tensor that was taken.
  struct Taken {
    std::vector<int> shape;
    std::size_t bytes;  ///< that it takes in memory, in the type of the model
  };

  /// All that take() gave out, by canonical name; one of two tied tables.
  [[nodiscard]] const std::map<std::string, Taken, std::less<>>& taken() const {
    return taken_;
  }

  /// Says what a taken tensor takes in memory after the caller changed its
  /// form.
  void set_bytes(std::string_view canonical, std::size_t bytes);

  /// Throws: Error{kCorrupt} naming the tensors that nobody took.
  void check_all_used() const;

  /// What declare() was given.
  [[nodiscard]] const std::optional<Quantization>& declared() const {
    return declared_;
  }

  /// Canonical names of all tensors, ascending.
  [[nodiscard]] std::vector<std::string> names() const;

  /// The model's files as they are; empty with random weights.
  [[nodiscard]] const Checkpoint& checkpoint() const { return checkpoint_; }
  /// The codec's, if they are others.
  [[nodiscard]] const std::optional<Checkpoint>& codec_checkpoint() const {
    return codec_;
  }

  /// Where the weights came from, for messages.
  [[nodiscard]] const std::filesystem::path& path() const {
    return checkpoint_.path();
  }

 private:
  struct Entry {
    const SourceTensor* source;
    TensorRole role = {};
    AffineSource affine = {};  // words == source if stored as integers
    bool used = false;
  };
  struct Kept {  // a tied table that was converted once
    mx::Dtype dtype;
    mx::array values;
  };

  explicit WeightStore(Checkpoint checkpoint);

  void read_names(const Checkpoint& checkpoint, bool with_codec);
  void add_codec(const StoreFiles& files);
  void check_complete() const;
  [[nodiscard]] std::string name_in_files(std::string_view canonical) const;
  [[nodiscard]] bool find_tie() const;
  [[nodiscard]] std::string resolve(std::string_view canonical) const;
  [[nodiscard]] const Entry& entry(std::string_view canonical) const;
  void mark_used(std::string_view canonical);

  [[nodiscard]] AffineForm stored_form_of(const Entry& entry,
                                          const std::vector<int>& shape) const;
  [[nodiscard]] RowOrder order_of(const Entry& entry,
                                  const std::vector<int>& shape,
                                  std::optional<int> part) const;
  void check_floats(std::string_view canonical,
                    const std::vector<int>& shape) const;
  void begin_part(std::string_view canonical, const std::vector<int>& shape,
                  int part);
  [[nodiscard]] mx::array produce(std::string_view canonical,
                                  const std::vector<int>& shape,
                                  mx::Dtype dtype,
                                  std::optional<int> part) const;
  [[nodiscard]] mx::array adapted(std::string_view canonical,
                                  const std::vector<int>& shape,
                                  mx::Dtype dtype,
                                  std::optional<int> part) const;
  [[nodiscard]] AffineTensor produce_affine(std::string_view canonical,
                                            const std::vector<int>& shape,
                                            std::optional<int> part) const;

  Checkpoint checkpoint_;
  std::optional<Checkpoint> codec_;
  std::map<std::string, Entry, std::less<>> entries_;  // by canonical name
  HeadDims head_dims_;
  std::optional<Quantization> declared_;
  std::vector<LoraAdapter> adapters_;
  bool tied_ = false;
  std::map<std::string, bool, std::less<>> table_taken_;  // the two names
  std::optional<Kept> kept_;
  std::map<std::string, Taken, std::less<>> taken_;

  struct Random {
    std::uint64_t seed;
    ThreadPool* pool;
  };
  std::optional<Random> random_;  // set: values come from here
};

}  // namespace csm::weights
