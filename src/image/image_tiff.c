/*
 * image_tiff.c: the first directory of a TIFF, and the orientation in an EXIF block, which is a small TIFF.
 */
#include "image/image_internal.h"

#include <string.h>

enum
{
	TAG_WIDTH = 256,
	TAG_HEIGHT = 257,
	TAG_BITS = 258,
	TAG_COMPRESSION = 259,
	TAG_PHOTOMETRIC = 262,
	TAG_ORIENTATION = 274,
	TAG_SAMPLES = 277,
	TAG_COLOURMAP = 320,
	TAG_TILE_WIDTH = 322,
	TAG_EXTRA_SAMPLES = 338
};

enum
{
	PHOTOMETRIC_WHITE_IS_ZERO = 0,
	PHOTOMETRIC_PALETTE = 3
};

enum
{
	TYPE_BYTE = 1,
	TYPE_SHORT = 3,
	TYPE_LONG = 4,
	TYPE_LONG8 = 16
};

/* Where the directory stands, and how to read it. */
typedef struct Directory
{
	const uint8_t *bytes;
	size_t		length;
	bool		big_endian;
	bool		big_offsets;	/* BigTIFF */
	size_t		entries;		/* offset of the first entry */
	size_t		count;
} Directory;

static uint64_t
get(const Directory *directory, size_t at, int size)
{
	uint64_t	value = 0;

	for (int i = 0; i < size; i++)
		value = value << 8 | directory->bytes[at + (size_t) (directory->big_endian ? i : size - 1 - i)];
	return value;
}

/* Finds the first directory; false when it does not lie within the bytes. */
static bool
open_directory(Directory *directory, const uint8_t *bytes, size_t length)
{
	uint64_t	offset;
	uint64_t	count;
	int			count_size;
	size_t		entry_size;

	if (length < 8)
		return false;
	directory->bytes = bytes;
	directory->length = length;
	directory->big_endian = bytes[0] == 'M';
	if (!(bytes[0] == 'M' && bytes[1] == 'M') && !(bytes[0] == 'I' && bytes[1] == 'I'))
		return false;
	directory->big_offsets = get(directory, 2, 2) == 43;
	if (!directory->big_offsets && get(directory, 2, 2) != 42)
		return false;
	if (directory->big_offsets && (length < 16 || get(directory, 4, 2) != 8))
		return false;
	offset = directory->big_offsets ? get(directory, 8, 8) : get(directory, 4, 4);
	count_size = directory->big_offsets ? 8 : 2;
	entry_size = directory->big_offsets ? 20 : 12;
	if (offset > length || length - offset < (size_t) count_size)
		return false;
	count = get(directory, (size_t) offset, count_size);
	directory->entries = (size_t) offset + (size_t) count_size;
	if (count > (length - directory->entries) / entry_size)
		return false;
	directory->count = (size_t) count;
	return true;
}

/* The first value of a tag, and how many there are; false if it is absent, cut off or of no integer type. */
static bool
find_value(const Directory *directory, uint32_t tag, uint64_t *value, uint64_t *count)
{
	size_t		entry_size = directory->big_offsets ? 20 : 12;
	size_t		field_size = directory->big_offsets ? 8 : 4;

	for (size_t i = 0; i < directory->count; i++)
	{
		size_t		at = directory->entries + i * entry_size;
		uint64_t	type;
		uint64_t	where = at + 4 + field_size;
		size_t		size;

		if (get(directory, at, 2) != tag)
			continue;
		type = get(directory, at + 2, 2);
		size = type == TYPE_BYTE ? 1 : type == TYPE_SHORT ? 2 : type == TYPE_LONG ? 4 : type == TYPE_LONG8 ? 8 : 0;
		*count = get(directory, at + 4, (int) field_size);
		if (size == 0 || *count == 0)
			return false;
		if (*count > field_size / size)
			where = get(directory, (size_t) where, (int) field_size);
		if (where > directory->length || *count > (directory->length - where) / size)
			return false;
		*value = get(directory, (size_t) where, (int) size);
		return true;
	}
	return false;
}

/* size bytes of a number in the directory's byte order. */
static void
set(const Directory *directory, uint8_t *bytes, size_t at, int size, uint64_t value)
{
	for (int i = 0; i < size; i++)
		bytes[at + (size_t) (directory->big_endian ? size - 1 - i : i)] = (uint8_t) (value >> 8 * i);
}

static uint64_t
value_or(const Directory *directory, uint32_t tag, uint64_t otherwise)
{
	uint64_t	value;
	uint64_t	count;

	return find_value(directory, tag, &value, &count) ? value : otherwise;
}

int
image_tiff_orientation(const uint8_t *bytes, size_t length)
{
	Directory	directory;
	uint64_t	orientation;

	if (!open_directory(&directory, bytes, length))
		return 1;
	orientation = value_or(&directory, TAG_ORIENTATION, 1);
	return orientation >= 1 && orientation <= 8 ? (int) orientation : 1;
}

/* The compressions whose decoders are old and proven: none, CCITT, LZW, JPEG, deflate, PackBits. */
static bool
known_compression(uint64_t compression)
{
	static const uint16_t known[] = {1, 2, 3, 4, 5, 7, 8, 32771, 32773, 32946};

	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
		if (compression == known[i])
			return true;
	return false;
}

bool
image_tiff_header(const uint8_t *bytes, size_t length, ImageHeader *header, Status *status)
{
	Directory	directory;
	uint64_t	width;
	uint64_t	height;
	uint64_t	samples;
	uint64_t	bits;
	uint64_t	photometric;
	uint64_t	unused;
	uint64_t	colours = 0;

	if (!open_directory(&directory, bytes, length))
		return image_broken(IMAGE_FORMAT_TIFF, "has no readable first directory", status);
	width = value_or(&directory, TAG_WIDTH, 0);
	height = value_or(&directory, TAG_HEIGHT, 0);
	samples = value_or(&directory, TAG_SAMPLES, 1);
	bits = value_or(&directory, TAG_BITS, 1);
	photometric = value_or(&directory, TAG_PHOTOMETRIC, 1);
	if (width > UINT32_MAX || height > UINT32_MAX)
		return image_broken(IMAGE_FORMAT_TIFF, "has a side of more than 32 bits", status);
	if (samples < 1 || samples > 4)
		return image_broken(IMAGE_FORMAT_TIFF, "does not have 1 to 4 samples a pixel", status);
	if (bits != 1 && bits != 2 && bits != 4 && bits != 8 && bits != 16)
		return image_broken(IMAGE_FORMAT_TIFF, "does not have 1, 2, 4, 8 or 16 bits a sample", status);
	if (!known_compression(value_or(&directory, TAG_COMPRESSION, 1)))
		return image_broken(IMAGE_FORMAT_TIFF, "has a compression that is not supported", status);
	if (find_value(&directory, TAG_TILE_WIDTH, &unused, &unused))
		return image_broken(IMAGE_FORMAT_TIFF, "is stored in tiles, which is not supported", status);
	/* libtiff would go on without a palette that is cut off. */
	if (photometric == PHOTOMETRIC_PALETTE &&
		(bits > 8 || !find_value(&directory, TAG_COLOURMAP, &unused, &colours) || colours < UINT64_C(3) << bits))
		return image_broken(IMAGE_FORMAT_TIFF, "has no palette, or one that is cut off", status);
	header->width = (int64_t) width;
	header->height = (int64_t) height;
	header->samples = (int) samples;
	header->bits = (int) bits;
	header->orientation = image_tiff_orientation(bytes, length);
	/* libtiff's RGBA interface multiplies by alpha; Leptonica's own way with two samples does not. */
	header->alpha = samples == 4 || value_or(&directory, TAG_EXTRA_SAMPLES, 0) == 1 ?
		IMAGE_ALPHA_PREMULTIPLIED : IMAGE_ALPHA_STRAIGHT;
	/* Leptonica turns 1 and 8 bits round, the others are left to us. */
	header->invert = photometric == PHOTOMETRIC_WHITE_IS_ZERO && samples == 1 && (bits == 2 || bits == 4 || bits == 16) &&
		!find_value(&directory, TAG_COLOURMAP, &unused, &colours);
	return true;
}

bool
image_tiff_pack(const uint8_t *bytes, size_t length, const Host *host,
				uint8_t **packed, size_t *packed_length, Status *status)
{
	Directory	directory;
	size_t		entry_size;
	int			field_size;

	if (!open_directory(&directory, bytes, length))
		return image_broken(IMAGE_FORMAT_TIFF, "has no readable first directory", status);
	*packed = host_allocate(host, length, 1, status);
	if (*packed == NULL)
		return false;
	memcpy(*packed, bytes, length);
	*packed_length = length;
	entry_size = directory.big_offsets ? 20 : 12;
	field_size = directory.big_offsets ? 8 : 4;
	for (size_t i = 0; i < directory.count; i++)
	{
		size_t		at = directory.entries + i * entry_size;

		if (get(&directory, at, 2) != TAG_ORIENTATION)
			continue;
		set(&directory, *packed, at + 2, 2, TYPE_SHORT);
		set(&directory, *packed, at + 4, field_size, 1);
		set(&directory, *packed, at + 4 + (size_t) field_size, 2, 1);
	}
	return true;
}
