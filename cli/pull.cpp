#include <CLI/CLI.hpp>
#include <cstdint>
#include <memory>
#include <string>

#include "cli/commands.h"
#include "cli/console.h"
#include "cli/interrupt.h"
#include "cli/tokens_progress.h"
#include "csm/base/json.h"
#include "csm/base/printable.h"
#include "csm/base/str_cat.h"
#include "csm/hub/pull.h"

namespace csm::cli {
namespace {

struct PullArguments {
  std::string repository;
  std::string file;
  std::string mirror;
  int retries = 5;
  bool json = false;
};

std::string megabytes(std::uint64_t bytes) {
  constexpr double kMega = 1e6;
  return fixed(static_cast<double>(bytes) / kMega, 1) + " MB";
}

// The bar of what is missing, and the lines between.
class PullProgress {
 public:
  [[nodiscard]] hub::Observer observer() {
    return {.stop = [] { return interrupt_signal() != 0; },
            .note =
                [this](const std::string& line) {
                  bar_.clear();
                  say("csm: " + line);
                },
            .expect =
                [this](std::uint64_t bytes) {
                  bar_.expect(static_cast<double>(bytes));
                },
            .came =
                [this](const std::string& file, std::int64_t bytes) {
                  if (bytes < 0) {
                    bar_.expect(static_cast<double>(-bytes));
                  } else {
                    bar_.finish(static_cast<double>(bytes));
                  }
                  bar_.show(printable(file));
                }};
  }

 private:
  TestProgress bar_;
};

hub::Repository repository_of(const PullArguments& arguments) {
  auto repository = hub::parse_repository(arguments.repository);
  if (!repository) {
    throw UsageError(str_cat("expected OWNER/NAME[@REVISION], got '",
                             printable(arguments.repository), "'"));
  }
  if (arguments.file.empty()) return *repository;
  if (!repository->file.empty() || !hub::is_safe_path(arguments.file)) {
    throw UsageError(
        str_cat("--file: expected the path of one file in the repository, got "
                "'",
                printable(arguments.file), "'"));
  }
  repository->file = arguments.file;
  return *repository;
}

OrderedJson describe(const hub::Repository& repository,
                     const hub::Pulled& pulled) {
  OrderedJson files = OrderedJson::array();
  for (const hub::PulledFile& file : pulled.files) {
    files.push_back({{"name", file.name},
                     {"bytes", file.bytes},
                     {"etag", file.etag},
                     {"was_here", file.was_here}});
  }
  return {{"repository", repository.id()},  {"revision", repository.revision},
          {"commit", pulled.commit},        {"folder", pulled.folder.string()},
          {"model", pulled.model.string()}, {"files", files}};
}

void run_pull(const PullArguments& arguments) {
  const hub::Repository repository = repository_of(arguments);
  hub::Settings settings = hub::settings_from_environment();
  if (!arguments.mirror.empty()) {
    settings.endpoint = hub::checked_endpoint(arguments.mirror, "--mirror");
  }
  const InterruptGuard guard;
  std::optional<hub::Pulled> pulled;
  {
    PullProgress progress;
    pulled =
        hub::pull(settings, repository, arguments.retries, progress.observer());
  }
  if (!pulled) {
    say("csm: stopped; the same command goes on from here");
    throw QuietExit::of_signal(interrupt_signal());
  }
  if (arguments.json) {
    write_stdout(describe(repository, *pulled).dump() + "\n");
    return;
  }
  std::uint64_t came = 0, bytes = 0;
  for (const hub::PulledFile& file : pulled->files) {
    bytes += file.bytes;
    if (!file.was_here) came += file.bytes;
  }
  say(str_cat(pulled->files.size(), " files, ", megabytes(bytes), ", ",
              megabytes(came), " of them new; use it with --model ",
              repository.text()));
  write_stdout(pulled->model.string() + "\n");
}

}  // namespace

void add_pull(CLI::App& app) {
  const auto arguments = std::make_shared<PullArguments>();
  CLI::App* command =
      app.add_subcommand("pull", "Download a model from a hub of models");
  command
      ->add_option("repository", arguments->repository,
                   "OWNER/NAME, or OWNER/NAME@REVISION")
      ->required();
  command->add_option("--file", arguments->file,
                      "The file of weights to take, where there are several");
  command->add_option("--mirror", arguments->mirror,
                      "Address of the hub (default: HF_ENDPOINT, else "
                      "https://huggingface.co)");
  command
      ->add_option("--retries", arguments->retries,
                   "Times to ask again when the network or the hub fails")
      ->check(CLI::Range(0, 100))
      ->capture_default_str();
  command->add_flag("--json", arguments->json, "One JSON object");
  command->callback([arguments] { run_pull(*arguments); });
}

}  // namespace csm::cli
