#pragma once

// The public API of csm in one include, for programs that find_package(csm).
// docs/library.md has a tour; other headers may change at any time.

#include "csm/audio/audio_file.h"     // IWYU pragma: export
#include "csm/audio/audio_writer.h"   // IWYU pragma: export
#include "csm/audio/player.h"         // IWYU pragma: export
#include "csm/base/error.h"           // IWYU pragma: export
#include "csm/engine/codec.h"         // IWYU pragma: export
#include "csm/engine/conversation.h"  // IWYU pragma: export
#include "csm/engine/engine.h"        // IWYU pragma: export
#include "csm/engine/voice_file.h"    // IWYU pragma: export

namespace csm {

using audio::AudioBuffer;
using audio::AudioFormat;
using audio::AudioWriter;
using audio::AudioWriterOptions;
using audio::open_output_device;
using audio::OutputDevice;
using audio::PlaybackReport;
using audio::Player;
using audio::PlayerOptions;
using audio::read_audio;
using audio::SampleFormat;
using audio::write_audio;
using audio::WriteReport;

using engine::AdapterFolder;
using engine::Codec;
using engine::CodecPart;
using engine::Conversation;
using engine::DecodeStream;
using engine::DeviceKind;
using engine::EncodeOptions;
using engine::EncodeStream;
using engine::Engine;
using engine::EngineOptions;
using engine::Frame;
using engine::GenerationOptions;
using engine::ModelFacts;
using engine::read_voice;
using engine::Segment;
using engine::Session;
using engine::StepResult;
using engine::StopReason;
using engine::Utterance;
using engine::Voice;
using engine::VoiceUse;
using engine::WeightType;
using engine::write_voice;

using sampling::CodecSafety;
using sampling::Rng;
using sampling::SamplerKind;

using weights::Layout;

/// The version of the library, "major.minor.patch".
[[nodiscard]] const char* version();

}  // namespace csm
