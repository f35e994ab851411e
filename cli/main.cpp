#include <CLI/CLI.hpp>
#include <csignal>
#include <exception>
#include <string>

#include "cli/commands.h"
#include "cli/console.h"
#include "csm/base/error.h"

namespace csm::cli {
namespace {

// One line, whatever the message holds.
std::string one_line(std::string text) {
  for (char& c : text) {
    if (c == '\n' || c == '\r') c = ' ';
  }
  return text;
}

int fail(const std::string& message, int status) {
  say("csm: " + one_line(message));
  return status;
}

int run(int argc, char** argv) {
  CLI::App app(
      "csm: text in, speech out, with Sesame's Conversational Speech "
      "Model");
  app.set_version_flag("--version", "csm " CSM_VERSION);
  app.require_subcommand(1);
  add_generate(app);
  add_score(app);
  add_decode(app);
  add_encode(app);
  add_info(app);
  add_replay(app);
  add_tokens(app);
  add_bench(app);
  add_quantize(app);
  add_convert(app);
  add_voice(app);
  add_serve(app);
  add_pull(app);
  add_doctor(app);
  try {
    app.parse(argc, argv);
    return 0;
  } catch (const CLI::Success& success) {
    return app.exit(success);
  } catch (const QuietExit& exit) {
    return exit.status();
  } catch (const CLI::ParseError& error) {
    return fail(std::string(error.what()) + " (see csm --help)", kExitUsage);
  } catch (const UsageError& error) {
    return fail(std::string(error.what()) + " (see csm --help)", kExitUsage);
  } catch (const Error& error) {
    return fail(error.what(), kExitFailure);
  } catch (const std::bad_alloc&) {
    return fail("[cli] out of memory", kExitFailure);
  } catch (const std::exception& error) {
    return fail(std::string("[cli] unexpected: ") + error.what(), kExitFailure);
  }
}

}  // namespace
}  // namespace csm::cli

int main(int argc, char** argv) {
  // A closed pipe and a full file are errors of the write, not signals.
  std::signal(SIGPIPE, SIG_IGN);
#ifdef SIGXFSZ
  std::signal(SIGXFSZ, SIG_IGN);
#endif
  return csm::cli::run(argc, argv);
}
