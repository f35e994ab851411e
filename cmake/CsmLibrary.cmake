# The library that is installed: all parts but `validate` in one shared object,
# with the headers that csm/csm.h reaches. A user's program needs no header of
# another library, and MLX at run time alone.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(CSM_LIBRARY_PARTS base text audio weights kernels sampling nn model codec
                      engine)
list(TRANSFORM CSM_LIBRARY_PARTS PREPEND csm_ OUTPUT_VARIABLE
                                                     CSM_LIBRARY_TARGETS)

# csm/csm.h and what it includes; tests/install proves that none is missing.
set(CSM_PUBLIC_HEADERS
    csm/audio/audio_file.h
    csm/audio/audio_format.h
    csm/audio/audio_writer.h
    csm/audio/output_device.h
    csm/audio/player.h
    csm/audio/sample_ring.h
    csm/base/error.h
    csm/csm.h
    csm/engine/codec.h
    csm/engine/codec_stream.h
    csm/engine/conversation.h
    csm/engine/engine.h
    csm/engine/engine_options.h
    csm/engine/generation_options.h
    csm/engine/model_cost.h
    csm/engine/model_facts.h
    csm/engine/prompt.h
    csm/engine/session.h
    csm/engine/voice.h
    csm/engine/voice_file.h
    csm/nn/kv_rows.h
    csm/sampling/noise.h
    csm/sampling/sampler_options.h
    csm/sampling/torch_cuda_rng.h
    csm/sampling/torch_rng.h
    csm/weights/layout.h)
list(TRANSFORM CSM_PUBLIC_HEADERS PREPEND "${PROJECT_SOURCE_DIR}/")

add_library(csm_library SHARED "${PROJECT_SOURCE_DIR}/csm/csm.cpp")
# Every object of the parts, used by our own code or not.
foreach(part IN LISTS CSM_LIBRARY_TARGETS)
  target_sources(csm_library PRIVATE $<TARGET_OBJECTS:${part}>)
endforeach()
target_link_libraries(csm_library PRIVATE ${CSM_LIBRARY_TARGETS})
target_compile_features(csm_library PUBLIC cxx_std_20)
target_compile_definitions(csm_library
                           PRIVATE CSM_VERSION="${PROJECT_VERSION}")
set_target_properties(
  csm_library
  PROPERTIES OUTPUT_NAME csm
             EXPORT_NAME csm
             VERSION ${PROJECT_VERSION}
             SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}
             LIBRARY_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/lib")
# Where MLX is, for both: it may be inside the build folder, whose directories
# INSTALL_RPATH_USE_LINK_PATH leaves out.
set_target_properties(csm csm_library PROPERTIES INSTALL_RPATH
                                                 "$<TARGET_FILE_DIR:mlx>")
target_sources(
  csm_library
  PUBLIC FILE_SET
         HEADERS
         BASE_DIRS
         "${PROJECT_SOURCE_DIR}"
         FILES
         ${CSM_PUBLIC_HEADERS})

install(TARGETS csm)
install(
  TARGETS csm_library
  EXPORT csmTargets
  FILE_SET HEADERS)
install(DIRECTORY "${PROJECT_SOURCE_DIR}/models/demo"
        DESTINATION "${CMAKE_INSTALL_DATADIR}/csm/models")

set(package "${CMAKE_INSTALL_LIBDIR}/cmake/csm")
install(EXPORT csmTargets NAMESPACE csm:: DESTINATION "${package}")
configure_package_config_file(
  "${PROJECT_SOURCE_DIR}/cmake/csmConfig.cmake.in"
  "${PROJECT_BINARY_DIR}/csmConfig.cmake" INSTALL_DESTINATION "${package}")
write_basic_package_version_file("${PROJECT_BINARY_DIR}/csmConfigVersion.cmake"
                                 COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/csmConfig.cmake"
              "${PROJECT_BINARY_DIR}/csmConfigVersion.cmake"
        DESTINATION "${package}")
