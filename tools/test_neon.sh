#!/bin/sh
# Cross-compiles the CPU kernels for 64-bit Arm and runs their tests under
# qemu, on machines without an Arm processor. Needs the Debian packages
# g++-aarch64-linux-gnu, qemu-user and googletest.
#
# usage: tools/test_neon.sh [build folder]
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
build=${1:-$root/build/neon}
gtest=/usr/src/googletest/googletest
cxx="aarch64-linux-gnu-g++ -O2 -std=c++20 -ffp-contract=off -I$root"

for tool in aarch64-linux-gnu-g++ qemu-aarch64; do
  command -v "$tool" >/dev/null || { echo "test_neon: $tool is missing" >&2; exit 1; }
done
[ -d "$gtest" ] || { echo "test_neon: $gtest is missing" >&2; exit 1; }

mkdir -p "$build/include"
# Only GoogleTest's own headers: /usr/include belongs to another processor.
ln -sfn "$gtest/include/gtest" "$build/include/gtest"
cxx="$cxx -isystem $build/include"

$cxx -I"$gtest" -c "$gtest/src/gtest-all.cc" -o "$build/gtest.o"
$cxx -I"$gtest" -c "$gtest/src/gtest_main.cc" -o "$build/gtest_main.o"
for unit in cpu_info env error large_block thread_pool; do
  $cxx -c "$root/csm/base/$unit.cpp" -o "$build/base_$unit.o"
done
# Everything that does not need MLX.
for source in "$root"/csm/kernels/*.cpp; do
  case $source in *_op.cpp | *_op_test.cpp) continue ;; esac
  $cxx -c "$source" -o "$build/$(basename "$source" .cpp).o"
done
$cxx -static "$build"/*.o -o "$build/kernels_tests" -pthread
# qemu-user cannot start the processes of death tests, and its vector code is
# no faster than its scalar code.
left_out=KernelIsa.EnvironmentPinsIt:KernelIsa.DefaultIsTheFastestAvailable
left_out=$left_out:MachineProbe.WideRegistersBeatScalarOnes
qemu-aarch64 "$build/kernels_tests" --gtest_brief=1 --gtest_filter="-$left_out"
