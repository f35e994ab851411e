# Sourced before training: keep freed memory in the process (fresh pages cost
# more than the arithmetic here), use large pages, let idle threads sleep.
export MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=20000000000
export MALLOC_TOP_PAD_=500000000 GLIBC_TUNABLES=glibc.malloc.hugetlb=1
export OMP_WAIT_POLICY=passive
