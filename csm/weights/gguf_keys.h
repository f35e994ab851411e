#pragma once

#include <string_view>

namespace csm::weights {

/// A key of a GGUF file and the field of config.json that says the same.
struct GgufKey {
  std::string_view key;
  const char* field;
};

inline constexpr GgufKey kGgufModelKeys[] = {
    {"audio_num_codebooks", "num_codebooks"},
    {"audio_vocab_size", "vocab_size"},
    {"text_vocab_size", "text_vocab_size"},
    {"bos_token_id", "bos_token_id"},
    {"audio_token_id", "audio_token_id"},
    {"audio_eos_token_id", "audio_eos_token_id"},
    {"codebook_eos_token_id", "codebook_eos_token_id"},
    {"codebook_pad_token_id", "codebook_pad_token_id"},
};
inline constexpr GgufKey kGgufLlamaKeys[] = {
    {"n_layers", "num_hidden_layers"},
    {"d_model", "hidden_size"},
    {"n_heads", "num_attention_heads"},
    {"n_kv_heads", "num_key_value_heads"},
    {"head_dim", "head_dim"},
    {"ff_dim", "intermediate_size"},
    {"max_pos", "max_position_embeddings"},
    {"backbone_hidden", "backbone_hidden_size"},
};
inline constexpr GgufKey kGgufLlamaNumbers[] = {
    {"rope_theta", "rope_theta"},
    {"rms_norm_eps", "rms_norm_eps"},
};
inline constexpr GgufKey kGgufMimiKeys[] = {
    {"dim", "hidden_size"},
    {"n_heads", "num_attention_heads"},
    {"n_heads", "num_key_value_heads"},
    {"head_dim", "head_dim"},
    {"n_layers", "num_hidden_layers"},
    {"codebook_dim", "codebook_dim"},
    {"codebook_size", "codebook_size"},
    {"n_quantizers", "num_quantizers"},
    {"n_semantic", "num_semantic_quantizers"},
    {"sample_rate", "sampling_rate"},
    {"window", "sliding_window"},
};
inline constexpr GgufKey kGgufMimiNumbers[] = {{"frame_rate", "frame_rate"}};
inline constexpr GgufKey kGgufScalingNumbers[] = {
    {"factor", "factor"},
    {"low_freq_factor", "low_freq_factor"},
    {"high_freq_factor", "high_freq_factor"},
};
inline constexpr GgufKey kGgufScalingKeys[] = {
    {"original_max_pos", "original_max_position_embeddings"},
};

// Of csm.rs, which has few.
inline constexpr GgufKey kCsmRsKeys[] = {{"embedding_length", "hidden_size"}};
inline constexpr GgufKey kCsmRsLlamaKeys[] = {
    {"block_count", "num_hidden_layers"},
};

}  // namespace csm::weights
