#include "cli/totals.h"

#include "cli/console.h"
#include "cli/receipt.h"
#include "csm/base/memory_info.h"
#include "csm/base/str_cat.h"

namespace csm::cli {

double Totals::real_time_factor() const {
  return audio_seconds > 0 ? seconds / audio_seconds : 0;
}

std::string Totals::words() const {
  return str_cat(n_frames, " frames, ", fixed(audio_seconds, 2),
                 " s of audio in ", fixed(seconds, 2), " s (real-time factor ",
                 fixed(real_time_factor(), 2), "), seed ", seed, ", ended by ",
                 engine::to_string(stop_reason));
}

OrderedJson Totals::json(const std::vector<std::int32_t>& codes) const {
  return {{"seed", seed},
          {"frames", n_frames},
          {"audio_ms", audio_seconds * 1000},
          {"stop_reason", engine::to_string(stop_reason)},
          {"rtf", real_time_factor()},
          {"codes_sha256", codes_digest(codes)},
          {"invalid_codes", n_invalid_codes},
          {"codes_changed_by_safety", n_changed_codes},
          {"peak_rss_bytes", peak_memory()}};
}

}  // namespace csm::cli
