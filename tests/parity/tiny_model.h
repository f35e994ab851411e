#pragma once

#include <memory>
#include <ostream>
#include <string>
#include <unordered_map>
#include <vector>

#include "csm/base/thread_pool.h"
#include "csm/codec/mimi_decoder.h"
#include "csm/codec/mimi_encoder.h"
#include "csm/model/csm_model.h"

namespace csm::parity {

/// How far activations and logits may be from the oracle's.
constexpr float kLogitTolerance = 2e-4F;

/// A way to run the operations, by name.
enum class Mode {
  kComposed,     // MLX's own operations, as on a GPU
  kKernels,      // our CPU kernels on one thread
  kThreeThreads  // our CPU kernels on a pool
};

/// One tiny random model (tools/oracle/tiny_models.py) run in one mode.
struct Case {
  std::string name;
  Mode mode;
  bool gguf = false;  ///< weights and sizes from tests/data/gguf
  /// Folder of tests/data/lora whose adapter is merged and whose goldens count
  /// before the model's own; empty: none.
  std::string adapter = {};

  [[nodiscard]] bool bit_exact() const { return mode != Mode::kComposed; }
};
std::ostream& operator<<(std::ostream& out, const Case& value);

/// All models in all modes, and one as a GGUF file.
[[nodiscard]] std::vector<Case> all_cases();

/// A Case as a name of a test.
[[nodiscard]] std::string test_name(const Case& which);

/// A loaded model with what the oracle computed for it.
class TinyModel {
 public:
  explicit TinyModel(const Case& which,
                     kernels::WeightType type = kernels::WeightType::kFloat32);

  [[nodiscard]] const kernels::Exec& exec() const { return exec_; }
  [[nodiscard]] const model::CsmModel& csm() const { return *csm_; }
  [[nodiscard]] const codec::MimiDecoder& mimi() const { return *mimi_; }
  [[nodiscard]] const codec::MimiEncoder& encoder() const { return *encoder_; }

  /// A golden; integers come as int32.
  [[nodiscard]] mx::array golden(const std::string& name) const;

  /// Embedded prompt and frames of the goldens, [S+F, D].
  [[nodiscard]] mx::array inputs() const;

 private:
  std::unique_ptr<ThreadPool> pool_;
  kernels::Exec exec_;
  std::unordered_map<std::string, mx::array> goldens_;
  std::unique_ptr<const model::CsmModel> csm_;
  std::unique_ptr<const codec::MimiEncoder> encoder_;
  std::unique_ptr<const codec::MimiDecoder> mimi_;
};

/// Hidden rows of the goldens' sequence, fed in chunks.
[[nodiscard]] mx::array hidden(const TinyModel& tiny,
                               const std::vector<int>& lengths);

/// Teacher-forced logits of codebooks 1..K-1 of a frame of N sequences,
/// [(K-1)*N, V].
[[nodiscard]] mx::array depth(const TinyModel& tiny, const mx::array& h,
                              const mx::array& frame, model::DepthState& state);

/// The same for every frame of the goldens, [F, K-1, V], from all hidden rows.
[[nodiscard]] mx::array depth_logits(const TinyModel& tiny, const mx::array& h);

/// Rows first..last of an array.
[[nodiscard]] mx::array rows(const mx::array& x, int first, int last);

/// One row or value range per chunk length; the last length repeats.
[[nodiscard]] std::vector<mx::array> chunks(const mx::array& x,
                                            const std::vector<int>& lengths);

/// Fails the test at the worst element if any differs by more than
/// `tolerance` (0: bit-equal but for the sign of zero) or is not finite.
void expect_close(const mx::array& got, const mx::array& want, float tolerance);

}  // namespace csm::parity
