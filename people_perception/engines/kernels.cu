// Copyright 2026 The people_perception authors
// SPDX-License-Identifier: Apache-2.0
//
// Camera bytes to the network's tensor in one kernel, and class ids to bytes. Compiled when an engine is opened, for the GPU
// that is there. No header is included, so that the compiler needs no CUDA toolkit; g++ compiles it too, for the tests.
//
// The arithmetic is OpenCV's, in its fixed point: bilinear weights of 11 bits, BT.601 limited range for YUV, 15 bits for grey.
// What the GPU computes is what the CPU path computes.

#ifndef PP_HALF_BITS
__device__ unsigned short to_half_bits(float value)
{
  unsigned short bits;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(value));
  return bits;
}
#define PP_HALF_BITS to_half_bits
#endif

enum Encoding { BGR8 = 0, RGB8 = 1, MONO8 = 2, MONO16 = 3, NV12 = 4, YUYV = 5 };
enum Colour { RGB = 0, BGR = 1, GREY = 2 };

// Everything but the pointers; people_perception/engines/cuda_preprocess.py fills it in this order.
struct Plan
{
  int width, height, pitch;                   // of the source, pitch in bytes
  int encoding;
  int network_width, network_height;
  int content_width, content_height, content_x, content_y;
  float step_x, step_y;                       // source pixels per network pixel
  float low, gain;                            // 16-bit mono: (value - low) * gain is 8 bit
  int colour, nhwc, half;
  float multiply[3], add[3], pad[3];          // in the network's channel order; pad is already a tensor value
};

struct Pixel
{
  int b, g, r;
};

__device__ int clip_byte(int value)
{
  return value < 0 ? 0 : value > 255 ? 255 : value;
}

__device__ Pixel from_yuv(int y, int u, int v)
{
  const int bits = 20, round = 1 << 19;
  const int light = (y > 16 ? y - 16 : 0) * 1220542;
  u -= 128;
  v -= 128;
  Pixel pixel;
  pixel.b = clip_byte((light + round + 2116026 * u) >> bits);
  pixel.g = clip_byte((light + round - 852492 * v - 409993 * u) >> bits);
  pixel.r = clip_byte((light + round + 1673527 * v) >> bits);
  return pixel;
}

__device__ Pixel load(const unsigned char * image, const Plan & plan, int x, int y)
{
  const unsigned char * row = image + static_cast<long long>(y) * plan.pitch;
  Pixel pixel;
  if (plan.encoding == BGR8 || plan.encoding == RGB8) {
    const unsigned char * p = row + 3 * x;
    const bool bgr = plan.encoding == BGR8;
    pixel.b = p[bgr ? 0 : 2];
    pixel.g = p[1];
    pixel.r = p[bgr ? 2 : 0];
    return pixel;
  }
  if (plan.encoding == NV12) {
    const unsigned char * uv = image + static_cast<long long>(plan.height + y / 2) * plan.pitch + (x & ~1);
    return from_yuv(row[x], uv[0], uv[1]);
  }
  if (plan.encoding == YUYV) {
    const unsigned char * pair = row + 4 * (x / 2);
    return from_yuv(row[2 * x], pair[1], pair[3]);
  }
  int value = row[x];
  if (plan.encoding == MONO16) {
    const float wide = reinterpret_cast<const unsigned short *>(row)[x];
    value = clip_byte(static_cast<int>(rintf((wide > plan.low ? wide - plan.low : 0.0f) * plan.gain)));
  }
  pixel.b = pixel.g = pixel.r = value;
  return pixel;
}

// The left source pixel of a network pixel and the weight of its right neighbour, of 2048.
__device__ void locate(int target, float step, int size, int & index, int & weight)
{
  float place = (target + 0.5f) * step - 0.5f;
  index = static_cast<int>(floorf(place));
  place -= index;
  if (index < 0) {
    index = 0;
    place = 0.0f;
  }
  if (index >= size - 1) {
    index = size - 1;
    place = 0.0f;
  }
  weight = static_cast<int>(rintf(place * 2048.0f));
}

__device__ int blend(int a, int b, int c, int d, int right, int below)
{
  const int top = a * (2048 - right) + b * right;
  const int bottom = c * (2048 - right) + d * right;
  return ((((2048 - below) * (top >> 4)) >> 16) + ((below * (bottom >> 4)) >> 16) + 2) >> 2;
}

__device__ void store(void * tensor, const Plan & plan, int x, int y, int channel, float value)
{
  const long long index = plan.nhwc
    ? (static_cast<long long>(y) * plan.network_width + x) * 3 + channel
    : (static_cast<long long>(channel) * plan.network_height + y) * plan.network_width + x;
  if (plan.half) {
    static_cast<unsigned short *>(tensor)[index] = PP_HALF_BITS(value);
  } else {
    static_cast<float *>(tensor)[index] = value;
  }
}

extern "C" __global__ void preprocess(const unsigned char * image, void * tensor, Plan plan)
{
  const int x = blockIdx.x * blockDim.x + threadIdx.x;
  const int y = blockIdx.y * blockDim.y + threadIdx.y;
  if (x >= plan.network_width || y >= plan.network_height) {
    return;
  }
  const int inside_x = x - plan.content_x;
  const int inside_y = y - plan.content_y;
  if (inside_x < 0 || inside_x >= plan.content_width || inside_y < 0 || inside_y >= plan.content_height) {
    for (int channel = 0; channel < 3; ++channel) {
      store(tensor, plan, x, y, channel, plan.pad[channel]);
    }
    return;
  }
  int left, right_weight, top, below_weight;
  locate(inside_x, plan.step_x, plan.width, left, right_weight);
  locate(inside_y, plan.step_y, plan.height, top, below_weight);
  const int right = left + 1 < plan.width ? left + 1 : left;
  const int below = top + 1 < plan.height ? top + 1 : top;
  const Pixel a = load(image, plan, left, top);
  const Pixel b = load(image, plan, right, top);
  const Pixel c = load(image, plan, left, below);
  const Pixel d = load(image, plan, right, below);
  int bgr[3] = {
    blend(a.b, b.b, c.b, d.b, right_weight, below_weight),
    blend(a.g, b.g, c.g, d.g, right_weight, below_weight),
    blend(a.r, b.r, c.r, d.r, right_weight, below_weight)};
  if (plan.colour == GREY && plan.encoding != MONO8 && plan.encoding != MONO16) {
    bgr[0] = bgr[1] = bgr[2] = (3735 * bgr[0] + 19235 * bgr[1] + 9798 * bgr[2] + 16384) >> 15;
  }
  for (int channel = 0; channel < 3; ++channel) {
    const int value = bgr[plan.colour == RGB ? 2 - channel : channel];
    store(tensor, plan, x, y, channel, value * plan.multiply[channel] + plan.add[channel]);
  }
}

// Class ids as bytes: a quarter or an eighth of what would be copied back.
extern "C" __global__ void narrow_int32(const int * ids, unsigned char * bytes, int count)
{
  const int index = blockIdx.x * blockDim.x + threadIdx.x;
  if (index < count) {
    bytes[index] = static_cast<unsigned char>(ids[index]);
  }
}

extern "C" __global__ void narrow_int64(const long long * ids, unsigned char * bytes, int count)
{
  const int index = blockIdx.x * blockDim.x + threadIdx.x;
  if (index < count) {
    bytes[index] = static_cast<unsigned char>(ids[index]);
  }
}
