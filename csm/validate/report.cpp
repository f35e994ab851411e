#include "csm/validate/report.h"

#include <array>
#include <iomanip>
#include <system_error>

#include "csm/base/atomic_file.h"
#include "csm/base/error.h"
#include "csm/base/str_cat.h"

namespace csm::validate {
namespace {

/// Columns of results.csv: name and path.
constexpr std::array<std::array<const char*, 2>, 27> kColumns = {
    {{"draws", "draws"},
     {"rows", "rows"},
     {"match_rate", "match.rate"},
     {"near_ties", "match.near_ties"},
     {"defects", "match.defects"},
     {"similarity_equal_noise", "equal_noise.similarity"},
     {"kl_equal_noise_nats", "equal_noise.kl_forward"},
     {"similarity", "independent_noise.similarity"},
     {"similarity_floor", "noise_floor.similarity"},
     {"cosine", "independent_noise.cosine"},
     {"overlap_set", "independent_noise.overlap_set"},
     {"overlap_weighted", "independent_noise.overlap_weighted"},
     {"kl_forward_nats", "independent_noise.kl_forward"},
     {"kl_backward_nats", "independent_noise.kl_backward"},
     {"kl_floor_nats", "noise_floor.kl_forward"},
     {"jensen_shannon_nats", "independent_noise.jensen_shannon"},
     {"chi_square", "chi_square.statistic"},
     {"chi_square_dof", "chi_square.dof"},
     {"chi_square_p", "chi_square.p_value"},
     {"permutation_p", "permutation.p_value"},
     {"entropy_nats", "entropy.ours"},
     {"invalid_codes", "invalid_codes"},
     {"word_error_rate", "speech.word_error_rate"},
     {"eos_rate", "speech.eos_rate"},
     {"duration_ratio", "speech.duration_ratio"},
     {"duration_error_s", "speech.duration_error_s"},
     {"mcd_db", "speech.mcd_db"}}};

std::string csv_line(const std::string& kind, const OrderedJson& result) {
  std::string line = str_cat(kind, ",", result.value("sampler", std::string()),
                             ",", result["temperature"].get<double>(), ",",
                             result["top_k"].get<int>());
  for (const auto& [name, path] : kColumns) {
    const OrderedJson* value = find_metric(result, path);
    line += ",";
    if (value != nullptr) line += value->dump();
  }
  return line + "\n";
}

}  // namespace

std::string results_csv(const OrderedJson& results) {
  std::string csv = "kind,sampler,temperature,top_k";
  for (const auto& [name, path] : kColumns) csv += str_cat(",", name);
  csv += "\n";
  for (const char* kind : {"settings", "sweep"}) {
    if (!results.contains(kind)) continue;
    for (const OrderedJson& result : results[kind]) {
      csv += csv_line(kind, result);
    }
  }
  return csv;
}

void write_report(const std::filesystem::path& folder,
                  const OrderedJson& results,
                  const std::vector<Check>& checks) {
  std::error_code failed;
  std::filesystem::create_directories(folder, failed);
  if (failed) {
    throw Error(ErrorCode::kInvalidArgument,
                str_cat("[validate.report] cannot make the folder '",
                        folder.string(), "': ", failed.message()));
  }
  write_file_atomically(folder / "results.json", results.dump(1) + "\n");
  write_file_atomically(folder / "results.csv", results_csv(results));
  const Plotter plotter(folder);
  plotter.check();
  const auto pictures = draw_pictures(plotter, results);
  write_file_atomically(folder / "index.html",
                        report_page(folder, results, checks, pictures));
}

}  // namespace csm::validate
