// The story of a shop, told by the client that was generated into ./bookstore: story BASE_URL
package main

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"os"
	"path"
	"strconv"
	"time"

	"bookstore-client/bookstore"
)

const largeStock = int64(5_000_000_000) // does not fit 32 bits

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func expect(good bool, what string, saw any) {
	if !good {
		log.Fatalf("%s: %v", what, saw)
	}
}

// The id that Location ends with.
func created(response *http.Response, body []byte) int64 {
	expect(response.StatusCode == http.StatusCreated, "not created", string(body))
	id, err := strconv.ParseInt(path.Base(response.Header.Get("Location")), 10, 64)
	must(err)
	return id
}

type shop struct {
	client *bookstore.ClientWithResponses
	ctx    context.Context
}

func (s shop) registerCustomer(name string) int64 {
	answer, err := s.client.RegisterCustomerWithResponse(
		s.ctx, nil, bookstore.CustomerInput{CustomerName: name})
	must(err)
	expect(answer.HALJSON201 != nil && answer.HALJSON201.CustomerName == name, "the customer", answer.Status())
	return created(answer.HTTPResponse, answer.Body)
}

func (s shop) registerBook(stock int64) int64 {
	answer, err := s.client.RegisterBookWithResponse(
		s.ctx, nil, bookstore.BookInput{BookName: "DDD", Stock: stock})
	must(err)
	expect(answer.HALJSON201 != nil && answer.HALJSON201.Stock == stock, "the book", answer.Status())
	return created(answer.HTTPResponse, answer.Body)
}

func (s shop) placeOrder(book, customer int64, pay *float64) int64 {
	answer, err := s.client.PlaceOrderWithResponse(s.ctx, nil, bookstore.OrderInput{
		BookId: book, CustomerId: customer, Quantity: 1, DeliveryAddress: "Busan", PayAmount: pay,
	})
	must(err)
	id := created(answer.HTTPResponse, answer.Body)
	seen := answer.HALJSON201.PayAmount
	expect((seen == nil) == (pay == nil) && (seen == nil || *seen == *pay), "the amount", seen)
	return id
}

func (s shop) order(id int64) bookstore.Order {
	answer, err := s.client.GetOrderWithResponse(s.ctx, id, nil)
	must(err)
	expect(answer.HALJSON200 != nil, "the order", string(answer.Body))
	return *answer.HALJSON200
}

func (s shop) waitUntilShipped(id int64) {
	var order bookstore.Order
	for i := 0; i < 200; i++ {
		if order = s.order(id); order.OrderStatus == "Shipped" {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	expect(false, "not shipped", order.OrderStatus)
}

func (s shop) cancel(id int64) {
	expect(s.order(id).UnderscoreLinks.Cancel != nil, "it has no link to cancel it", id)
	answer, err := s.client.CancelOrderWithResponse(s.ctx, id, nil)
	must(err)
	expect(answer.StatusCode() == http.StatusNoContent, "not canceled", string(answer.Body))
	expect(s.order(id).OrderStatus == "CANCELED", "not canceled", s.order(id))
}

// Reads the orders a page of one each, and returns how many there were.
func (s shop) pageThrough() int64 {
	count, size := int64(0), int64(1)
	for page := int64(0); ; page++ {
		answer, err := s.client.ListOrdersWithResponse(
			s.ctx, &bookstore.ListOrdersParams{Page: &page, Size: &size})
		must(err)
		expect(answer.HALJSON200 != nil, "the page", string(answer.Body))
		count += int64(len(answer.HALJSON200.UnderscoreEmbedded.Orders))
		if page+1 >= answer.HALJSON200.Page.TotalPages {
			expect(count == answer.HALJSON200.Page.TotalElements, "the pages had", count)
			return count
		}
	}
}

func main() {
	client, err := bookstore.NewClientWithResponses(os.Args[1])
	must(err)
	s := shop{client, context.Background()}
	customer := s.registerCustomer("Kim")
	pay := 123456789012.34
	shipped := s.placeOrder(s.registerBook(largeStock), customer, &pay)
	s.waitUntilShipped(shipped)
	s.cancel(s.placeOrder(s.registerBook(0), customer, nil))
	refused, err := client.GetOrderWithResponse(s.ctx, 4_000_000_000, nil)
	must(err)
	expect(refused.JSON404 != nil && refused.JSON404.Status == 404, "the refusal", string(refused.Body))
	fmt.Printf("Go: shipped one, canceled one, paged through %d\n", s.pageThrough())
}
