#include "csm/kernels/linear_fused_op.h"

#include <initializer_list>
#include <memory>
#include <span>
#include <utility>

#include "csm/kernels/input_codes.h"
#include "csm/kernels/matmul.h"
#include "csm/kernels/mlp.h"
#include "csm/kernels/norm.h"
#include "csm/kernels/primitive_op.h"

namespace csm::kernels::fused {
namespace {

using Arrays = std::vector<mx::array>;

/// What a node must know of a matrix besides its array.
struct MatrixForm {
  explicit MatrixForm(const Matrix& w)
      : type(w.affine ? w.affine->type : weight_type(w.data)),
        format(w.affine ? w.affine->format : GroupFormat{}),
        out(w.out()),
        in(w.in()) {}

  WeightType type;
  GroupFormat format;
  int out;
  int in;
};

/// Common to the nodes below: dense views of matrices and norms.
class LinearPrimitive : public CpuPrimitive {
 public:
  LinearPrimitive(const Exec& exec, const char* name,
                  std::vector<MatrixForm> forms)
      : CpuPrimitive(exec, name), forms_(std::move(forms)) {}

 protected:
  [[nodiscard]] const MatrixForm& form(std::size_t index) const {
    return forms_[index];
  }

  /// y = x w^T for matrix `index`, without x.
  [[nodiscard]] Matmul product(std::size_t index, int n_rows,
                               const mx::array& w, float* y) {
    const MatrixForm& f = forms_[index];
    return {.x_stride = f.in,
            .w = dense(w),
            .type = f.type,
            .n_rows = n_rows,
            .n_out = f.out,
            .n_in = f.in,
            .y = y,
            .y_stride = f.out,
            .format = f.format};
  }

  [[nodiscard]] WeightView view(std::size_t index, const mx::array& w) {
    const MatrixForm& f = forms_[index];
    return {.data = dense(w), .type = f.type, .format = f.format};
  }

 private:
  std::vector<MatrixForm> forms_;
};

std::vector<MatrixForm> forms_of(std::initializer_list<const Matrix*> ws) {
  std::vector<MatrixForm> forms;
  for (const Matrix* w : ws) forms.emplace_back(*w);
  return forms;
}

/// Products of one x [n_rows, n_in], dense: codes x once for each form of
/// integer weights among them.
void run_products(std::span<Matmul> ms, const float* x, ThreadPool* pool,
                  Isa isa) {
  std::vector<std::unique_ptr<float[]>> memory;
  for (std::size_t i = 0; i < ms.size(); ++i) {
    Matmul& m = ms[i];
    m.x = x;
    if (!is_integer(m.type)) continue;
    for (const Matmul& before : ms.first(i)) {
      if (same_codes(before, m)) m.codes = before.codes;
    }
    if (m.codes != nullptr) continue;
    memory.push_back(make_scratch(code_floats(m)));
    std::byte* codes =
        std::as_writable_bytes(std::span(memory.back().get(), code_floats(m)))
            .data();
    code_inputs(coding_of(m, codes), pool, isa);
    m.codes = codes;
  }
  matmul_all(ms, pool, isa);
}

/// Inputs: x, w, then the residual and the scale if there are such.
class Linear final : public LinearPrimitive {
 public:
  Linear(const Exec& exec, const Matrix& w, bool scaled)
      : LinearPrimitive(exec, "csm::Linear", forms_of({&w})), scaled_(scaled) {}

  void eval_cpu(const Arrays& in, Arrays& out) override {
    float* y = allocate(out[0]);
    Matmul m = product(0, in[0].shape(0), in[1], y);
    m.x = dense_f32(in[0]);
    if (in.size() > 2) {
      m.residual = dense_f32(in[2]);
      m.residual_stride = m.n_out;
    }
    if (scaled_) m.scale = dense_f32(in[3]);
    dispatch([m, pool = pool(), isa = isa()]() mutable {
      if (is_integer(m.type)) {
        run_products({&m, 1}, m.x, pool, isa);
      } else {
        matmul(m, pool, isa);
      }
    });
  }

 private:
  bool scaled_;
};

/// Inputs of the nodes with a norm begin with x, gain and, for a LayerNorm,
/// bias.
class NormPrimitive : public LinearPrimitive {
 public:
  NormPrimitive(const Exec& exec, const char* name, const Norm& norm,
                std::vector<MatrixForm> forms)
      : LinearPrimitive(exec, name, std::move(forms)),
        eps_(norm.eps),
        has_bias_(norm.bias.has_value()) {}

 protected:
  [[nodiscard]] NormWeights norm_weights(const Arrays& in) {
    return {.gain = dense_f32(in[1]),
            .bias = has_bias_ ? dense_f32(in[2]) : nullptr,
            .eps = eps_,
            .width = in[0].shape(1)};
  }

  /// Index of the first input behind x and the norm.
  [[nodiscard]] std::size_t after_norm() const { return has_bias_ ? 3 : 2; }

 private:
  float eps_;
  bool has_bias_;
};

Arrays norm_inputs(const mx::array& x, const Norm& norm) {
  Arrays inputs = {x, norm.gain};
  if (norm.bias) inputs.push_back(*norm.bias);
  return inputs;
}

class Normalize final : public NormPrimitive {
 public:
  Normalize(const Exec& exec, const Norm& norm)
      : NormPrimitive(exec, "csm::Normalize", norm, {}) {}

  void eval_cpu(const Arrays& in, Arrays& out) override {
    float* y = allocate(out[0]);
    dispatch([norm = norm_weights(in), x = dense_f32(in[0]),
              n_rows = in[0].shape(0), y, pool = pool(),
              isa = isa()] { normalize_rows(norm, x, n_rows, y, pool, isa); });
  }
};

class NormLinear final : public NormPrimitive {
 public:
  NormLinear(const Exec& exec, const Norm& norm, std::vector<MatrixForm> forms)
      : NormPrimitive(exec, "csm::NormLinear", norm, std::move(forms)) {}

  void eval_cpu(const Arrays& in, Arrays& out) override {
    const int n_rows = in[0].shape(0);
    std::vector<Matmul> products;
    products.reserve(out.size());
    for (std::size_t i = 0; i < out.size(); ++i) {
      products.push_back(
          product(i, n_rows, in[after_norm() + i], allocate(out[i])));
    }
    dispatch([norm = norm_weights(in), x = dense_f32(in[0]), n_rows,
              products = std::move(products), pool = pool(),
              isa = isa()]() mutable {
      const auto b =
          make_scratch(static_cast<std::size_t>(n_rows * norm.width));
      normalize_rows(norm, x, n_rows, b.get(), pool, isa);
      run_products(products, b.get(), pool, isa);
    });
  }
};

/// Further inputs: gate, up, down.
class GatedMlpNode final : public NormPrimitive {
 public:
  GatedMlpNode(const Exec& exec, const Norm& norm,
               std::vector<MatrixForm> forms)
      : NormPrimitive(exec, "csm::GatedMlp", norm, std::move(forms)) {}

  void eval_cpu(const Arrays& in, Arrays& out) override {
    const std::size_t first = after_norm();
    const GatedMlp mlp{.x = dense_f32(in[0]),
                       .n_rows = in[0].shape(0),
                       .hidden = form(0).out,
                       .norm = norm_weights(in),
                       .gate = view(0, in[first]),
                       .up = view(1, in[first + 1]),
                       .down = view(2, in[first + 2]),
                       .y = allocate(out[0])};
    dispatch([mlp, pool = pool(), isa = isa()] {
      run_mlp(mlp, make_scratch(mlp_scratch(mlp)).get(), pool, isa);
    });
  }
};

/// Further inputs: fc1, fc2, layer scale.
class GeluMlpNode final : public NormPrimitive {
 public:
  GeluMlpNode(const Exec& exec, const Norm& norm, std::vector<MatrixForm> forms)
      : NormPrimitive(exec, "csm::GeluMlp", norm, std::move(forms)) {}

  void eval_cpu(const Arrays& in, Arrays& out) override {
    const std::size_t first = after_norm();
    const GeluMlp mlp{.x = dense_f32(in[0]),
                      .n_rows = in[0].shape(0),
                      .hidden = form(0).out,
                      .norm = norm_weights(in),
                      .fc1 = view(0, in[first]),
                      .fc2 = view(1, in[first + 1]),
                      .layer_scale = dense_f32(in[first + 2]),
                      .y = allocate(out[0])};
    dispatch([mlp, pool = pool(), isa = isa()] {
      run_mlp(mlp, make_scratch(mlp_scratch(mlp)).get(), pool, isa);
    });
  }
};

}  // namespace

mx::array linear(const Exec& exec, const mx::array& x, const Matrix& w) {
  return run_primitive(exec, std::make_shared<Linear>(exec, w, false),
                       {x.shape(0), w.out()}, mx::float32, {x, w.data});
}

mx::array linear_residual(const Exec& exec, const mx::array& x, const Matrix& w,
                          const mx::array& residual,
                          const std::optional<mx::array>& scale) {
  Arrays inputs{x, w.data, residual};
  if (scale) inputs.push_back(*scale);
  return run_primitive(exec,
                       std::make_shared<Linear>(exec, w, scale.has_value()),
                       {x.shape(0), w.out()}, mx::float32, std::move(inputs));
}

mx::array normalize(const Exec& exec, const mx::array& x, const Norm& norm) {
  return run_primitive(exec, std::make_shared<Normalize>(exec, norm), x.shape(),
                       mx::float32, norm_inputs(x, norm));
}

std::vector<mx::array> norm_linear(const Exec& exec, const mx::array& x,
                                   const Norm& norm,
                                   const std::vector<Matrix>& ws) {
  Arrays inputs = norm_inputs(x, norm);
  std::vector<mx::Shape> shapes;
  std::vector<MatrixForm> forms;
  for (const Matrix& w : ws) {
    inputs.push_back(w.data);
    forms.emplace_back(w);
    shapes.push_back({x.shape(0), w.out()});
  }
  return run_primitive(
      exec, std::make_shared<NormLinear>(exec, norm, std::move(forms)),
      std::move(shapes), std::vector<mx::Dtype>(ws.size(), mx::float32),
      inputs);
}

mx::array gated_mlp(const Exec& exec, const mx::array& x, const Norm& norm,
                    const Matrix& gate, const Matrix& up, const Matrix& down) {
  Arrays inputs = norm_inputs(x, norm);
  inputs.insert(inputs.end(), {gate.data, up.data, down.data});
  return run_primitive(
      exec,
      std::make_shared<GatedMlpNode>(exec, norm, forms_of({&gate, &up, &down})),
      x.shape(), mx::float32, std::move(inputs));
}

mx::array gelu_mlp(const Exec& exec, const mx::array& x, const Norm& norm,
                   const Matrix& fc1, const Matrix& fc2,
                   const mx::array& layer_scale) {
  Arrays inputs = norm_inputs(x, norm);
  inputs.insert(inputs.end(), {fc1.data, fc2.data, layer_scale});
  return run_primitive(
      exec, std::make_shared<GeluMlpNode>(exec, norm, forms_of({&fc1, &fc2})),
      x.shape(), mx::float32, std::move(inputs));
}

}  // namespace csm::kernels::fused
