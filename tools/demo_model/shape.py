"""Sizes of the demo model, in one place, as a transformers config."""

import tokenizer

K = 8  # codebooks per frame
CODES = 512  # entries per codebook
V = CODES + 3  # rows per codebook in the language model
FRAME = 1920  # samples of 24 kHz per frame
RATE = 24000

CODEC = dict(
    model_type="mimi",
    sampling_rate=RATE,
    audio_channels=1,
    hidden_size=128,
    num_filters=12,
    num_residual_layers=1,
    upsampling_ratios=[8, 6, 5, 4],
    codebook_size=CODES,
    codebook_dim=64,
    vector_quantization_hidden_dimension=64,
    num_quantizers=K,
    num_semantic_quantizers=1,
    upsample_groups=128,
    num_hidden_layers=2,
    intermediate_size=192,
    num_attention_heads=4,
    num_key_value_heads=4,
    head_dim=32,
    sliding_window=250,
    layer_scale_initial_scale=0.3,
    use_cache=False,
)

DEPTH = dict(
    model_type="csm_depth_decoder_model",
    backbone_hidden_size=256,
    hidden_size=128,
    intermediate_size=256,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    head_dim=32,
    max_position_embeddings=K + 1,
    num_codebooks=K,
    vocab_size=V,
    pad_token_id=V - 1,
    rope_theta=500000,
    rope_scaling={
        "rope_type": "llama3",
        "factor": 32.0,
        "high_freq_factor": 0.0078125,
        "low_freq_factor": 0.001953125,
        "original_max_position_embeddings": 4,
    },
)

BACKBONE = dict(
    hidden_size=256,
    intermediate_size=448,
    num_hidden_layers=4,
    num_attention_heads=4,
    num_key_value_heads=2,
    head_dim=64,
    max_position_embeddings=2048,
    num_codebooks=K,
    vocab_size=V,
    text_vocab_size=tokenizer.TEXT_VOCAB,
    bos_token_id=tokenizer.BOS_ID,
    pad_token_id=tokenizer.AUDIO_ID,
    audio_token_id=tokenizer.AUDIO_ID,
    audio_eos_token_id=tokenizer.AUDIO_EOS_ID,
    codebook_pad_token_id=V - 1,
    codebook_eos_token_id=0,
    tie_codebooks_embeddings=True,
    rope_theta=500000,
    rope_scaling={
        "rope_type": "llama3",
        "factor": 32.0,
        "high_freq_factor": 0.5,
        "low_freq_factor": 0.125,
        "original_max_position_embeddings": 1024,
    },
)

GENERATION = dict(
    do_sample=True,
    temperature=0.8,
    top_k=100,
    max_new_tokens=375,
    depth_decoder_do_sample=True,
    depth_decoder_temperature=0.8,
    depth_decoder_top_k=100,
)


def config():
    """CsmConfig of the whole model."""
    from transformers import CsmConfig

    return CsmConfig(
        depth_decoder_config=dict(DEPTH), codec_config=dict(CODEC), **BACKBONE
    )
