#include "cli/model_output.h"

#include "cli/console.h"
#include "cli/interrupt.h"
#include "csm/base/str_cat.h"

namespace csm::cli {

void ModelOutput::add_to(CLI::App& command, const std::string& replaces) {
  command
      .add_option("-o,--output,--out", output,
                  "Folder to write, which must not exist")
      ->required();
  command.add_flag("--force", force,
                   str_cat("Replace ", replaces, " in that folder"));
  command.add_flag("--json", json,
                   "One JSON object about the result on standard output");
}

void ModelOutput::run(
    const char* name,
    const std::function<Report(const Progress&)>& work) const {
  const InterruptGuard guard;
  cli::Progress line;
  const Report report = work([&](const char* stage, double share) {
    stop_if_interrupted(name, output);
    line.show(str_cat(stage, ": ", fixed(share * 100, 0), " %"));
  });
  line.clear();
  if (json) {
    write_stdout(report.json.dump() + "\n");
  } else {
    say(report.text);
  }
}

}  // namespace csm::cli
