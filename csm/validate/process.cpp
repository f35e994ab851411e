#include "csm/validate/process.h"

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <system_error>

#include "csm/base/error.h"
#include "csm/base/printable.h"
#include "csm/base/str_cat.h"

extern char** environ;

namespace csm::validate {
namespace {

[[noreturn]] void fail_to_start(const std::string& program, int error) {
  throw Error(ErrorCode::kNotFound,
              str_cat("[validate.process] cannot start '", program,
                      "': ", std::strerror(error)));
}

// stdout to nowhere, stderr into the pipe.
class FileActions {
 public:
  explicit FileActions(const std::array<int, 2>& pipe) {
    posix_spawn_file_actions_init(&actions_);
    posix_spawn_file_actions_addopen(&actions_, STDOUT_FILENO, "/dev/null", 1,
                                     0);
    posix_spawn_file_actions_adddup2(&actions_, pipe[1], STDERR_FILENO);
    posix_spawn_file_actions_addclose(&actions_, pipe[0]);
    posix_spawn_file_actions_addclose(&actions_, pipe[1]);
  }
  ~FileActions() { posix_spawn_file_actions_destroy(&actions_); }
  FileActions(const FileActions&) = delete;
  FileActions& operator=(const FileActions&) = delete;

  [[nodiscard]] const posix_spawn_file_actions_t* get() const {
    return &actions_;
  }

 private:
  posix_spawn_file_actions_t actions_{};
};

std::string read_to_end(int file) {
  std::string text;
  std::array<char, 4096> buffer{};
  for (;;) {
    const ssize_t n = ::read(file, buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(n));
    constexpr std::size_t kKept = 1U << 16U;
    if (text.size() > 2 * kKept) text.erase(0, text.size() - kKept);
  }
}

std::string last_line(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) {
    text.pop_back();
  }
  const std::size_t start = text.rfind('\n');
  constexpr std::size_t kLongest = 300;
  return printable(start == std::string::npos ? text : text.substr(start + 1),
                   kLongest);
}

int wait_for(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  constexpr int kSignalBase = 128;
  return WIFEXITED(status) ? WEXITSTATUS(status)
                           : kSignalBase + WTERMSIG(status);
}

}  // namespace

ProcessResult run_process(const std::string& program,
                          const std::vector<std::string>& args) {
  std::vector<std::string> words = {program};
  words.insert(words.end(), args.begin(), args.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);

  std::array<int, 2> pipe{};
  if (::pipe(pipe.data()) != 0) fail_to_start(program, errno);
  pid_t child = 0;
  int error = 0;
  {
    const FileActions actions(pipe);
    error = ::posix_spawnp(&child, program.c_str(), actions.get(), nullptr,
                           argv.data(), environ);
  }
  ::close(pipe[1]);
  ProcessResult result;
  if (error == 0) {
    result.last_error = last_line(read_to_end(pipe[0]));
    result.exit_status = wait_for(child);
  }
  ::close(pipe[0]);
  if (error != 0) fail_to_start(program, error);
  return result;
}

TempFolder::TempFolder() {
  std::error_code failed;
  std::string name =
      (std::filesystem::temp_directory_path(failed) / "csm-XXXXXX").string();
  if (failed || ::mkdtemp(name.data()) == nullptr) {
    throw Error(ErrorCode::kExhausted,
                "[validate.process] cannot make a temporary folder");
  }
  path_ = name;
}

TempFolder::~TempFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace csm::validate
