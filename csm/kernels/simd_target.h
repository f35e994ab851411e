#pragma once

// Compiles the functions between CSM_TARGET_BEGIN_x and CSM_TARGET_END for one
// instruction set, without compiler flags per file: flags would also apply to
// inline functions of the standard library, and the linker could then choose a
// copy that older machines cannot run. Inside a region use no standard
// templates and no lambdas (clang does not apply the region to lambdas).

#if defined(__x86_64__)
#if defined(__clang__)
#define CSM_PRAGMA(text) _Pragma(#text)
#define CSM_TARGET_BEGIN(features)                                   \
  CSM_PRAGMA(clang attribute push(__attribute__((target(features))), \
                                  apply_to = function))
#define CSM_TARGET_BEGIN_AVX2 CSM_TARGET_BEGIN("avx2,fma")
#define CSM_TARGET_BEGIN_AVX512 \
  CSM_TARGET_BEGIN("avx2,fma,avx512f,avx512bw,avx512dq,avx512vl")
#define CSM_TARGET_BEGIN_AVX512VNNI \
  CSM_TARGET_BEGIN("avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")
#define CSM_TARGET_END _Pragma("clang attribute pop")
#else
#define CSM_TARGET_BEGIN_AVX2 \
  _Pragma("GCC push_options") _Pragma("GCC target(\"avx2,fma\")")
#define CSM_TARGET_BEGIN_AVX512 \
  _Pragma("GCC push_options")   \
      _Pragma("GCC target(\"avx2,fma,avx512f,avx512bw,avx512dq,avx512vl\")")
// clang-format off: it would split the string, which _Pragma does not allow
#define CSM_TARGET_BEGIN_AVX512VNNI                                        \
  _Pragma("GCC push_options") _Pragma(                                     \
      "GCC target(\"avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni\")")
// clang-format on
#define CSM_TARGET_END _Pragma("GCC pop_options")
#endif
#elif defined(__aarch64__)
#if defined(__clang__)
#define CSM_PRAGMA(text) _Pragma(#text)
#define CSM_TARGET_BEGIN_NEONDOT                                      \
  CSM_PRAGMA(clang attribute push(__attribute__((target("dotprod"))), \
                                  apply_to = function))
#define CSM_TARGET_END _Pragma("clang attribute pop")
#else
// clang-format off: as above
#define CSM_TARGET_BEGIN_NEONDOT \
  _Pragma("GCC push_options")    \
      _Pragma("GCC target(\"arch=armv8.2-a+dotprod\")")
// clang-format on
#define CSM_TARGET_END _Pragma("GCC pop_options")
#endif
#endif

// A function that must become part of its caller, so that vectors it takes by
// reference stay in registers.
#define CSM_INLINE __attribute__((always_inline)) inline

// A function that must not become part of its caller, so that the loops there
// keep the registers.
#define CSM_NOINLINE __attribute__((noinline)) inline

// Unrolls the next loop, whose count is a small constant, so that an array of
// vectors stays in registers.
#if defined(__clang__)
#define CSM_UNROLL _Pragma("clang loop unroll(full)")
#else
#define CSM_UNROLL _Pragma("GCC unroll 16")
#endif

namespace csm::kernels {

/// A bfloat16 number: the upper half of a float32.
struct Bf16 {
  unsigned short bits;
};

}  // namespace csm::kernels
