/*
 * tiff_directory.c: TIFF's header from the directory of its main picture, and the orientation in an EXIF block, which has TIFF's
 * structure; the pixels: tiff.c.
 */
#include "image/image_internal.h"

#include <string.h>

enum
{
	TAG_SUBFILE = 254,
	TAG_OLD_SUBFILE = 255,
	TAG_WIDTH = 256,
	TAG_HEIGHT = 257,
	TAG_BITS = 258,
	TAG_COMPRESSION = 259,
	TAG_PHOTOMETRIC = 262,
	TAG_ORIENTATION = 274,
	TAG_SAMPLES = 277,
	TAG_COLOURMAP = 320,
	TAG_CHILDREN = 330,
	TAG_SAMPLE_FORMAT = 339
};

enum
{
	SUBFILE_REDUCED = 1,
	SUBFILE_MASK = 4,
	OLD_SUBFILE_REDUCED = 2,
	FORMAT_UNSIGNED = 1,
	FORMAT_UNDEFINED = 4
};

/* That are visited in a chain, or among the children of one directory: chains can be circular. */
#define DIRECTORIES_MAX 32

#define PHOTOMETRIC_PALETTE 3
#define SAMPLES_MAX 8

enum
{
	TYPE_BYTE = 1,
	TYPE_SHORT = 3,
	TYPE_LONG = 4,
	TYPE_LONG8 = 16
};

/* A directory, and how to read it. */
typedef struct Directory
{
	const uint8_t *bytes;
	size_t		length;
	bool		big_endian;
	bool		big_offsets;	/* BigTIFF */
	size_t		offset;			/* of the directory */
	size_t		entries;		/* of its first entry */
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

/* Moves to the directory at an offset; false if its entries do not lie within the bytes. */
static bool
enter_directory(Directory *directory, uint64_t offset)
{
	size_t		count_size = directory->big_offsets ? 8 : 2;
	size_t		entry_size = directory->big_offsets ? 20 : 12;
	uint64_t	count;

	if (offset == 0 || offset > directory->length || directory->length - offset < count_size)
		return false;
	count = get(directory, (size_t) offset, (int) count_size);
	directory->offset = (size_t) offset;
	directory->entries = (size_t) offset + count_size;
	if (count > (directory->length - directory->entries) / entry_size)
		return false;
	directory->count = (size_t) count;
	return true;
}

/* Moves to the next directory of the chain; false if there is none. */
static bool
next_directory(Directory *directory)
{
	size_t		at = directory->entries + directory->count * (directory->big_offsets ? 20 : 12);
	size_t		size = directory->big_offsets ? 8 : 4;

	return directory->length - at >= size && enter_directory(directory, get(directory, at, (int) size));
}

/* Moves to the first directory; false if it does not lie within the bytes. */
static bool
open_directory(Directory *directory, const uint8_t *bytes, size_t length)
{
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
	return enter_directory(directory, directory->big_offsets ? get(directory, 8, 8) : get(directory, 4, 4));
}

/* Value number `index` of a tag, and the number of values; false if it is missing, truncated or of no integer type. */
static bool
find_value(const Directory *directory, uint32_t tag, uint64_t index, uint64_t *value, uint64_t *count)
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
		if (size == 0 || *count <= index)
			return false;
		if (*count > field_size / size)
			where = get(directory, (size_t) where, (int) field_size);
		if (where > directory->length || *count > (directory->length - where) / size)
			return false;
		*value = get(directory, (size_t) where + (size_t) index * size, (int) size);
		return true;
	}
	return false;
}

static uint64_t
value_or(const Directory *directory, uint32_t tag, uint64_t otherwise)
{
	uint64_t	value;
	uint64_t	count;

	return find_value(directory, tag, 0, &value, &count) ? value : otherwise;
}

static int
orientation_of(const Directory *directory)
{
	uint64_t	orientation = value_or(directory, TAG_ORIENTATION, 1);

	return orientation >= 1 && orientation <= 8 ? (int) orientation : 1;
}

int
image_exif_orientation(const uint8_t *bytes, size_t length)
{
	Directory	directory;

	return open_directory(&directory, bytes, length) ? orientation_of(&directory) : 1;
}

/* Whether it holds a thumbnail or a mask of another directory's picture. */
static bool
is_companion(const Directory *directory)
{
	return (value_or(directory, TAG_SUBFILE, 0) & (SUBFILE_REDUCED | SUBFILE_MASK)) != 0 ||
		value_or(directory, TAG_OLD_SUBFILE, 1) == OLD_SUBFILE_REDUCED;
}

/*
 * Moves to the first directory that is a picture of its own, in the file's chain or among the children of its members: many
 * writers put a thumbnail first.  Stays at the first directory if there is none.
 */
static void
find_picture(Directory *directory)
{
	Directory	parent = *directory;

	for (int parents = 0; parents < DIRECTORIES_MAX; parents++)
	{
		uint64_t	offset;
		uint64_t	count;

		if (!is_companion(&parent))
		{
			*directory = parent;
			return;
		}
		for (uint64_t i = 0; i < DIRECTORIES_MAX && find_value(&parent, TAG_CHILDREN, i, &offset, &count); i++)
		{
			Directory	child = parent;

			if (enter_directory(&child, offset) && !is_companion(&child))
			{
				*directory = child;
				return;
			}
		}
		if (!next_directory(&parent))
			return;
	}
}

/* Compressions with mature decoders: none, CCITT, LZW, JPEG, deflate, PackBits. */
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
	uint64_t	format;
	uint64_t	unused;
	uint64_t	colours = 0;

	if (!open_directory(&directory, bytes, length))
		return image_broken("TIFF", "has no readable first directory", status);
	find_picture(&directory);
	width = value_or(&directory, TAG_WIDTH, 0);
	height = value_or(&directory, TAG_HEIGHT, 0);
	samples = value_or(&directory, TAG_SAMPLES, 1);
	bits = value_or(&directory, TAG_BITS, 1);
	format = value_or(&directory, TAG_SAMPLE_FORMAT, FORMAT_UNSIGNED);
	if (width > UINT32_MAX || height > UINT32_MAX)
		return image_broken("TIFF", "has a width or height of more than 32 bits", status);
	if (samples < 1 || samples > SAMPLES_MAX)
		return image_broken("TIFF", "does not have 1 to 8 samples per pixel", status);
	if (bits != 1 && bits != 2 && bits != 4 && bits != 8 && bits != 16)
		return image_broken("TIFF", "does not have 1, 2, 4, 8 or 16 bits per sample", status);
	if (format != FORMAT_UNSIGNED && format != FORMAT_UNDEFINED)
		return image_broken("TIFF", "has samples that are not unsigned integers, which is not supported", status);
	if (!known_compression(value_or(&directory, TAG_COMPRESSION, 1)))
		return image_broken("TIFF", "has an unsupported compression", status);
	/* libtiff ignores a truncated palette */
	if (value_or(&directory, TAG_PHOTOMETRIC, 1) == PHOTOMETRIC_PALETTE &&
		(bits > 8 || !find_value(&directory, TAG_COLOURMAP, 0, &unused, &colours) || colours < UINT64_C(3) << bits))
		return image_broken("TIFF", "has no palette, or a truncated one", status);
	header->data_start = directory.offset;
	header->width = (int64_t) width;
	header->height = (int64_t) height;
	header->samples = (int) samples;
	header->bits = (int) bits;
	header->orientation = orientation_of(&directory);
	return true;
}
