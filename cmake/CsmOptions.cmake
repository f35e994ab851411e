# Compile options shared by every target, as the interface library csm_options.
add_library(csm_options INTERFACE)
target_include_directories(csm_options INTERFACE "${PROJECT_SOURCE_DIR}")

# Results are bit-exact by explicit fused multiply-adds; the compiler must not
# contract or reassociate on its own.
target_compile_options(csm_options INTERFACE -ffp-contract=off)

if(CSM_DEVELOPER)
  target_compile_options(
    csm_options
    INTERFACE -Wall
              -Wextra
              -Wconversion
              -Wsign-conversion
              -Wshadow
              -Wvla
              -Wnon-virtual-dtor
              -Wcast-align
              -Wold-style-cast
              -Werror)
endif()

if(CSM_SANITIZE)
  target_compile_options(
    csm_options INTERFACE -fsanitize=${CSM_SANITIZE} -fno-omit-frame-pointer
                          -fno-sanitize-recover=all)
  target_link_options(csm_options INTERFACE -fsanitize=${CSM_SANITIZE})
endif()

# libFuzzer's coverage, in all of our code.
if(CSM_FUZZ)
  target_compile_options(csm_options INTERFACE -fsanitize=fuzzer-no-link)
endif()
