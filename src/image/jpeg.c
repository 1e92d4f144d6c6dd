/*
 * jpeg.c: the pixels of a JPEG, by libjpeg.
 *
 * libjpeg reports a fatal error through a function that must not return: ours jumps back to decode_all(), as its manual
 * prescribes, across frames of libjpeg only, whose memory jpeg_destroy_decompress() then frees.  libjpeg calls nothing else of
 * ours, so no longjmp of the server can cross its frames.  One row of coefficients or pixels is requested at a time, with a check
 * for interrupts in between.
 */
#include "image/image_internal.h"

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>
#include <jerror.h>

#define FUNCTIONS(DO) \
	DO(jpeg_std_error) DO(jpeg_CreateDecompress) DO(jpeg_destroy_decompress) DO(jpeg_mem_src) DO(jpeg_read_header) \
	DO(jpeg_has_multiple_scans) DO(jpeg_start_decompress) DO(jpeg_consume_input) DO(jpeg_start_output) DO(jpeg_read_scanlines) \
	DO(jpeg_finish_output) DO(jpeg_finish_decompress)

IMAGE_LIBRARY(jpeg, LIBJPEG_LIBRARY, FUNCTIONS);

static bool
jpeg_load(Status *status)
{
	return image_library_load(&jpeg_library, status);
}

typedef struct Reader
{
	struct jpeg_decompress_struct info;
	struct jpeg_error_mgr errors;
	jmp_buf		fatal;
	bool		created;
	bool		damaged;		/* coefficients are missing or invalid */
	bool		seen[MAX_COMPONENTS];	/* components that occurred in a scan */
	uint8_t    *row;			/* a row of samples, if they differ from the raster's */

	const uint8_t *bytes;
	size_t		length;
	const ImageHeader *header;
	const Host *host;
	ImageRaster *raster;
	Status	   *status;
} Reader;

static void
on_fatal(j_common_ptr info)
{
	longjmp(((Reader *) info->client_data)->fatal, 1);
}

/* Whether bytes between a scan's data and the next marker are left over from damaged data: padding would be all the same byte. */
static bool
left_over(const Reader *reader)
{
	const uint8_t *end = reader->info.src->next_input_byte;
	size_t		count = (size_t) reader->errors.msg_parm.i[0];

	if (reader->info.input_scan_number == 0)
		return false;
	if (count > (size_t) (end - reader->bytes))
		return true;
	for (size_t i = 2; i <= count; i++)
		if (end[-(ptrdiff_t) i] != end[-1])
			return true;
	return false;
}

/* Only warnings about coefficients mean damage. */
static void
on_message(j_common_ptr info, int level)
{
	Reader	   *reader = info->client_data;

	if (level >= 0)
		return;
	switch (info->err->msg_code)
	{
		case JWRN_HIT_MARKER:
		case JWRN_HUFF_BAD_CODE:
		case JWRN_ARITH_BAD_CODE:
		case JWRN_MUST_RESYNC:
		case JWRN_BOGUS_PROGRESSION:
			reader->damaged = true;
			break;
		case JWRN_EXTRANEOUS_DATA:
			reader->damaged |= left_over(reader);
			break;
		default:
			break;
	}
}

static void
on_print(j_common_ptr info)
{
}

static bool
broken(Reader *reader)
{
	if (reader->errors.msg_code == JERR_OUT_OF_MEMORY)
		return status_set(reader->status, STATUS_NO_MEMORY, NULL, "Could not allocate memory to decode the JPEG image.");
	return image_broken("JPEG", "cannot be decoded: its data is damaged or of an unsupported kind", reader->status);
}

static bool
incomplete(Reader *reader)
{
	return image_broken("JPEG", "is damaged or truncated: pixels are missing", reader->status);
}

static void
note_components(Reader *reader)
{
	for (int i = 0; i < reader->info.comps_in_scan; i++)
		reader->seen[reader->info.cur_comp_info[i]->component_index] = true;
}

/* All scans of an image that has several.  Without an end marker, every bit of the coefficients must have arrived. */
static bool
take_scans(Reader *reader)
{
	struct jpeg_decompress_struct *info = &reader->info;
	int			result;

	do
	{
		note_components(reader);
		result = jpeg.jpeg_consume_input(info);
		if (host_interrupted(reader->host, reader->status))
			return false;
	}
	while (result != JPEG_REACHED_EOI && !reader->damaged);
	for (int c = 0; c < info->num_components; c++)
	{
		reader->damaged |= !reader->seen[c];
		for (int k = 0; k < DCTSIZE2 && info->coef_bits != NULL && !reader->header->has_end; k++)
			reader->damaged |= info->coef_bits[c][k] != 0;
	}
	if (reader->damaged)
		return incomplete(reader);
	jpeg.jpeg_start_output(info, info->input_scan_number);
	return true;
}

static void
convert_row(const Reader *reader, uint8_t *out)
{
	const uint8_t *in = reader->row;
	int			samples = reader->info.output_components;

	for (int x = 0; x < reader->raster->width; x++, in += samples, out += reader->raster->channels)
	{
		uint8_t		rgb[3] = {in[0], in[0], in[0]};

		/* Adobe's files store inverted values. */
		for (int c = 0; samples == 4 && c < 3; c++)
			rgb[c] = (uint8_t) (reader->info.saw_Adobe_marker ? (in[c] * in[3] + 127) / 255 :
								((255 - in[c]) * (255 - in[3]) + 127) / 255);
		image_put_pixel(rgb, reader->raster->channels, out);
	}
}

static bool
take_rows(Reader *reader)
{
	struct jpeg_decompress_struct *info = &reader->info;
	ImageRaster *raster = reader->raster;
	bool		direct = info->output_components == raster->channels;

	if (!image_raster_allocate(raster, info->output_width, info->output_height, raster->channels, reader->host, reader->status))
		return false;
	if (!direct)
	{
		reader->row = host_allocate(reader->host, info->output_width, (size_t) info->output_components, reader->status);
		if (reader->row == NULL)
			return false;
	}
	while (info->output_scanline < info->output_height && !reader->damaged)
	{
		uint8_t    *out = raster->pixels + (size_t) info->output_scanline * (size_t) raster->width * (size_t) raster->channels;
		JSAMPROW	row = direct ? out : reader->row;

		if (jpeg.jpeg_read_scanlines(info, &row, 1) != 1)
			return incomplete(reader);
		if (!direct)
			convert_row(reader, out);
		if (host_interrupted(reader->host, reader->status))
			return false;
	}
	return !reader->damaged || incomplete(reader);
}

static bool
decode_all(Reader *reader)
{
	struct jpeg_decompress_struct *info = &reader->info;
	bool		several;

	info->err = jpeg.jpeg_std_error(&reader->errors);
	info->client_data = reader;
	reader->errors.error_exit = on_fatal;
	reader->errors.emit_message = on_message;
	reader->errors.output_message = on_print;
	if (setjmp(reader->fatal) != 0)
		return broken(reader);
	jpeg.jpeg_CreateDecompress(info, JPEG_LIB_VERSION, sizeof *info);
	reader->created = true;
	jpeg.jpeg_mem_src(info, reader->bytes, reader->length);
	jpeg.jpeg_read_header(info, TRUE);
	/* the image that is decoded must be the one whose header was checked */
	if (info->image_width != reader->header->width || info->image_height != reader->header->height ||
		info->num_components != reader->header->samples)
		return image_broken("JPEG", "does not match its header", reader->status);
	info->scale_num = 1;
	info->scale_denom = (unsigned) reader->header->reduction;
	info->out_color_space = info->num_components == 4 ? JCS_CMYK :
		info->num_components == 1 || reader->raster->channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
	several = jpeg.jpeg_has_multiple_scans(info);
	info->buffered_image = several;
	jpeg.jpeg_start_decompress(info);
	if ((several && !take_scans(reader)) || !take_rows(reader))
		return false;
	if (several)
		jpeg.jpeg_finish_output(info);
	jpeg.jpeg_finish_decompress(info);
	return !reader->damaged || incomplete(reader);
}

static bool
jpeg_decode(const uint8_t *bytes, size_t length, const ImageHeader *header, int channels, const Host *host,
			ImageRaster *raster, Status *status)
{
	Reader		reader = {.bytes = bytes, .length = length, .header = header, .host = host, .raster = raster, .status = status};
	bool		done;

	if (!jpeg_load(status))
		return false;
	raster->channels = channels;
	done = decode_all(&reader);
	if (reader.created)
		jpeg.jpeg_destroy_decompress(&reader.info);
	host_release(host, reader.row);
	return done || image_raster_drop(raster, host);
}

static bool
is_jpeg(const uint8_t *bytes, size_t length)
{
	return image_starts_with(bytes, length, "\xff\xd8\xff", 3);
}

const ImageFormat image_format_jpeg = {
	.name = "JPEG",
	.is_mine = is_jpeg,
	.header = image_jpeg_header,
	.decode = jpeg_decode,
	.load = jpeg_load,
	.reduces = true,
};
