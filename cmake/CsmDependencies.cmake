# Third-party libraries. scripts/setup installs all of them.
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)
find_package(CLI11 2.1 REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
if(APPLE) # Homebrew keeps its ICU apart from the system's.
  list(APPEND CMAKE_PREFIX_PATH /opt/homebrew/opt/icu4c /usr/local/opt/icu4c)
endif()
find_package(ICU REQUIRED COMPONENTS uc)
pkg_check_modules(PCRE2 REQUIRED IMPORTED_TARGET libpcre2-8)
pkg_check_modules(SNDFILE REQUIRED IMPORTED_TARGET sndfile)
pkg_check_modules(SOXR REQUIRED IMPORTED_TARGET soxr)
find_package(CURL 7.85 REQUIRED)
pkg_check_modules(PROMETHEUS REQUIRED IMPORTED_TARGET prometheus-cpp-core)
find_package(Boost 1.74 REQUIRED) # Asio and Beast: headers alone
# Optional: csm generate --play.
pkg_check_modules(PORTAUDIO IMPORTED_TARGET portaudio-2.0)

# MLX: the wheel that scripts/setup puts into the private virtual environment
# (file pinned in cmake/mlx.txt), or a system MLX when MLX_DIR says so.
if(NOT MLX_DIR)
  file(GLOB CSM_MLX_WHEEL
       "${PROJECT_SOURCE_DIR}/build/venv/lib/python3*/site-packages/mlx")
  list(APPEND CMAKE_PREFIX_PATH ${CSM_MLX_WHEEL})
endif()
find_package(MLX CONFIG)
if(NOT MLX_FOUND)
  message(FATAL_ERROR "MLX was not found: run scripts/setup, or set MLX_DIR "
                      "to the folder that holds MLXConfig.cmake")
endif()

# MLX's headers are not ours to warn about.
add_library(csm_mlx INTERFACE)
target_link_libraries(csm_mlx INTERFACE mlx)
get_target_property(CSM_MLX_INCLUDES mlx INTERFACE_INCLUDE_DIRECTORIES)
target_include_directories(csm_mlx SYSTEM INTERFACE ${CSM_MLX_INCLUDES})

# Boost's headers neither; its Asio and Beast are compiled once, in
# csm/server/boost_parts.cpp.
add_library(csm_boost INTERFACE)
target_include_directories(csm_boost SYSTEM INTERFACE ${Boost_INCLUDE_DIRS})
target_compile_definitions(
  csm_boost
  INTERFACE BOOST_ASIO_SEPARATE_COMPILATION BOOST_BEAST_SEPARATE_COMPILATION
            BOOST_ASIO_NO_DEPRECATED)
target_link_libraries(csm_boost INTERFACE Threads::Threads)
if(CSM_SANITIZE MATCHES thread AND CMAKE_CXX_COMPILER_ID STREQUAL GNU)
  # It does not model fences, which Asio has beside its locks.
  target_compile_options(csm_boost INTERFACE -Wno-tsan)
endif()
