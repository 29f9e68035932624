// Copyright 2026 The people_perception authors
// SPDX-License-Identifier: Apache-2.0
//
// What g++ needs to compile kernels.cu for the CPU: CUDA's keywords, one thread after another, and a float16 conversion.

#include <cmath>
#include <cstring>

#define __global__
#define __device__ static

struct Dim
{
  int x, y;
};
static Dim blockIdx, threadIdx;
static const Dim blockDim = {1, 1};

// Round to nearest even, as the GPU's instruction does.
static unsigned short cpu_half_bits(float value)
{
  unsigned int bits;
  std::memcpy(&bits, &value, 4);
  const unsigned short sign = (bits >> 16) & 0x8000;
  const float magnitude = std::fabs(value);
  if (magnitude >= 65520.0f) {
    return sign | 0x7c00;
  }
  if (magnitude < 6.103515625e-05f) {
    return sign | static_cast<unsigned short>(std::nearbyint(magnitude * 16777216.0f));
  }
  const unsigned int rounded = (bits & 0x7fffffff) + 0xfff + ((bits >> 13) & 1);
  return sign | static_cast<unsigned short>((rounded - (112u << 23)) >> 13);
}
#define PP_HALF_BITS cpu_half_bits

#include KERNELS

extern "C" void run_preprocess(const unsigned char * image, void * tensor, const Plan * plan)
{
  for (blockIdx.y = 0; blockIdx.y < plan->network_height; ++blockIdx.y) {
    for (blockIdx.x = 0; blockIdx.x < plan->network_width; ++blockIdx.x) {
      preprocess(image, tensor, *plan);
    }
  }
}

extern "C" void run_narrow_int32(const int * ids, unsigned char * bytes, int count)
{
  for (blockIdx.x = 0; blockIdx.x < count; ++blockIdx.x) {
    narrow_int32(ids, bytes, count);
  }
}

extern "C" void run_narrow_int64(const long long * ids, unsigned char * bytes, int count)
{
  for (blockIdx.x = 0; blockIdx.x < count; ++blockIdx.x) {
    narrow_int64(ids, bytes, count);
  }
}
