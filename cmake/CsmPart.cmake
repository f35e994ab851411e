# csm_part(NAME <part> DEPS <parts...> [LIBS <libraries...>] SRCS <files...>
#          [TESTS <files...>] [TEST_LIBS <libraries...>])
#
# Declares one part of the library (a folder below csm/): the object library
# csm_<part> with the alias csm::<part>, and the test program <part>_tests.
# DEPS are the other parts that this one may include, and `mlx`. The include
# checker (tools/check_includes.py) reads DEPS from the part's CMakeLists.txt,
# so that the build and the rule cannot differ.
function(csm_part)
  cmake_parse_arguments(PART "" "NAME" "DEPS;LIBS;SRCS;TESTS;TEST_LIBS"
                        ${ARGN})
  set(target csm_${PART_NAME})
  add_library(${target} STATIC ${PART_SRCS})
  add_library(csm::${PART_NAME} ALIAS ${target})
  target_link_libraries(${target} PUBLIC csm_options ${PART_LIBS})
  foreach(dep IN LISTS PART_DEPS)
    if(dep STREQUAL "mlx")
      target_link_libraries(${target} PUBLIC csm_mlx Threads::Threads)
    else()
      target_link_libraries(${target} PUBLIC csm_${dep})
    endif()
  endforeach()

  if(CSM_DEVELOPER AND PART_TESTS)
    csm_test(NAME ${PART_NAME}_tests SRCS ${PART_TESTS} LIBS ${target}
             ${PART_TEST_LIBS})
  endif()
endfunction()

# csm_test(NAME <program> SRCS <files...> LIBS <libraries...>)
#
# A GoogleTest program whose cases are found by ctest. CSM_SOURCE_DIR is the
# root of the source tree, for test data.
function(csm_test)
  cmake_parse_arguments(TEST "" "NAME" "SRCS;LIBS" ${ARGN})
  add_executable(${TEST_NAME} ${TEST_SRCS})
  target_link_libraries(${TEST_NAME} PRIVATE ${TEST_LIBS} GTest::gmock
                                             GTest::gtest_main)
  target_compile_definitions(
    ${TEST_NAME} PRIVATE CSM_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  gtest_discover_tests(${TEST_NAME} DISCOVERY_TIMEOUT 60
                       PROPERTIES TIMEOUT 300)
endfunction()
